// The dashboard: joins what is heard to what is shown.
// Law: the address holds what was chosen; everything else follows from what the worker says.
import { showAbout } from "./about.js";
import { showAges, showAlerts, showAllResolved } from "./alerts.js";
import { showDetail } from "./chart.js";
import { byId, el, named } from "./dom.js";
import { Feed } from "./feed.js";
import { showIngest, showSilence } from "./ingest.js";
import { address, known, readChoice, shown, take } from "./model.js";
import { showFewer, showMore, showPresets } from "./presets.js";
import { showFreshness, showSince, showVerdict, showZone } from "./verdict.js";

const link = { isLive: false, heardAt: 0, hasFailed: false, isBroken: false };
let choice = readChoice();
let about = null;
let drawn = "";

const chosenWindow = () => choice.window ?? (about.windows.includes("5m") ? "5m" : about.windows[0]);
const chosenSpan = () =>
  about.spans.find(({ span }) => span === choice.span) ?? about.spans.find(({ span }) => span === "1h") ?? about.spans[0];

function presetLink(preset, isSelected) {
  const href = address({ ...choice, preset });
  return el("a", { href, "aria-current": isSelected ? "true" : null, on: { click: (event) => follow(event, { preset }) } }, named(preset));
}

function follow(event, change) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(change);
  byId("detail").scrollIntoView({ block: "nearest", behavior: "instant" });
}

function choose(change) {
  const before = chosenWindow();
  choice = { ...choice, ...change };
  history.pushState(null, "", address(choice));
  showChoices();
  if (chosenWindow() !== before) feed.open();
  show();
}

function showChoices() {
  fill(byId("window"), about.windows, chosenWindow());
  fill(byId("span"), about.spans.map(({ span }) => span), chosenSpan().span);
  byId("back").hidden = choice.preset === null;
  byId("all").setAttribute("href", address({ ...choice, preset: "*" }));
  showZone(choice);
}

function fill(select, values, chosen) {
  const all = values.includes(chosen) ? values : [chosen, ...values];
  select.replaceChildren(...all.map((value) => el("option", { value, selected: value === chosen }, value)));
}

function show() {
  showVerdict(link);
  showSince(link);
  showFreshness(link);
  if (!known.alerts || !about) return;
  const preset = shown(choice);
  showAlerts(presetLink);
  showPresets(presetLink, preset);
  showIngest();
  showAges();
  const wanted = JSON.stringify([preset, chosenWindow(), chosenSpan()]);
  showDetail(preset, chosenWindow(), chosenSpan(), wanted !== drawn);
  drawn = wanted;
}

const feed = new Feed({
  url: () => `/api/stream?window=${encodeURIComponent(chosenWindow())}`,
  onOverview: (message) => {
    if (message.rules?.length && about && !message.rules.includes(about.rules_version)) renew();
    const isBeat = !message.whole && Object.keys(message).length === 1 && !known.problem;
    take(message);
    link.isLive = true;
    if (!isBeat) show();
  },
  onProblem: ({ detail }) => {
    known.problem = detail;
    link.isLive = true;
    showVerdict(link);
  },
  onRefused: () => refuse(),
  onLink: (isLive, heardAt) => {
    const wasFailing = link.hasFailed;
    Object.assign(link, { isLive, heardAt, hasFailed: !isLive });
    if (!isLive || wasFailing) showVerdict(link);
  },
});

// No worker takes the window that the address names.
function refuse() {
  if (choice.window === null) return;
  choice = { ...choice, window: null };
  history.replaceState(null, "", address(choice));
  showChoices();
  feed.open();
}

async function ask() {
  const response = await fetch("/api/about");
  if (response.status === 401) return location.reload();
  if (!response.ok) throw new Error(response.statusText);
  about = await response.json();
}

// The rules have changed under the page.
async function renew() {
  try {
    await ask();
  } catch {
    return;
  }
  showAbout(about);
}

async function begin() {
  try {
    await ask();
  } catch {
    link.hasFailed = true;
    showVerdict(link);
    return setTimeout(begin, 1_000);
  }
  showChoices();
  showAbout(about);
  feed.open();
}

// A page that has stopped showing what it hears must not go on saying that all is well.
function breakDown() {
  link.isBroken = true;
  showVerdict(link);
}

window.addEventListener("error", ({ filename }) => filename?.startsWith(location.origin) && breakDown());
window.addEventListener("unhandledrejection", breakDown);
byId("window").addEventListener("change", (event) => choose({ window: event.target.value }));
byId("span").addEventListener("change", (event) => choose({ span: event.target.value }));
byId("choices").addEventListener("submit", (event) => event.preventDefault());
byId("back").addEventListener("click", () => choose({ preset: null }));
byId("filter").addEventListener("input", () => (showFewer(), show()));
byId("more").addEventListener("click", () => (showMore(), show()));
byId("all").addEventListener("click", (event) => follow(event, { preset: "*" }));
byId("more-recent").addEventListener("click", showAllResolved);
window.addEventListener("popstate", () => {
  const before = chosenWindow();
  choice = readChoice();
  showChoices();
  if (chosenWindow() !== before) feed.open();
  show();
});
setInterval(() => (showSince(link), showFreshness(link), link.isLive && showAges(), showSilence()), 1_000);
showZone(choice);
begin();
