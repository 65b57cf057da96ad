// How what comes in fares.
import { byId, el, icon } from "./dom.js";
import { count, duration, time } from "./format.js";
import { known, largest, now } from "./model.js";

const LINES = [
  ["read", "Records read", ""],
  ["counted", "Jobs counted", ""],
  ["duplicates", "Duplicates", "heard of before, counted once"],
  ["late", "Late", "counted after their time was decided"],
  ["rejected", "Rejected", "parked on the rejected topic"],
  ["ignored", "Ignored", "other events, pings"],
  ["conflicts", "Conflicts", "jobs that ended both ways"],
  ["expired", "Too old", "older than is remembered"],
  ["lost", "Lost", "dropped by the log before they were read"],
];
const WORTH_A_LOOK = new Set(["rejected", "lost"]);

export function showIngest() {
  const { ingest } = known;
  const rows = LINES.map(([name, title, says]) => row(name, title, says, ingest[name], ingest.recent[name]));
  if (byId("ingest-rows")) byId("ingest-rows").replaceChildren(...rows); // what can be scrolled keeps its place and focus
  else byId("ingest-body").replaceChildren(
    el("p", { class: "silence", id: "silence" }),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Records by what became of them" },
      el("table", {},
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Records"), el("th", { scope: "col", class: "number" }, "Last 5 min"),
          el("th", { scope: "col", class: "number" }, "Since start"))),
        el("tbody", { id: "ingest-rows" }, rows))));
  showSilence();
}

function row(name, title, says, all, recent) {
  const reasons = typeof all === "object" ? largest(all).slice(0, 4).map(([reason, number]) => `${reason} ${count(number)}`).join(", ") : "";
  const isOdd = WORTH_A_LOOK.has(name) && sum(recent) > 0;
  return el("tr", {},
    el("th", { scope: "row" }, isOdd ? icon("warning", title) : title, el("span", { class: "says" }, reasons || says)),
    el("td", { class: "number" }, count(sum(recent))), el("td", { class: "number" }, count(sum(all))));
}

const sum = (value) => (typeof value === "object" ? Object.values(value ?? {}).reduce((a, b) => a + b, 0) : value ?? 0);

export function showSilence() {
  const line = byId("silence");
  if (!line) return;
  if (!known.newest) line.replaceChildren("No job has been heard of yet.");
  else line.replaceChildren("Newest job: ", time(known.newest), `, ${duration((now() - Date.parse(known.newest)) / 1000)} ago`);
}
