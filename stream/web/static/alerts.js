// What fires, with its evidence, and what has resolved.
import { byId, coded, el, icon, named, readable, reconcile, setText } from "./dom.js";
import { between, count, duration, jobs, percent, time } from "./format.js";
import { known, largest, now, STATE_WORDS } from "./model.js";

const MOST_CARDS = 20;
const OPEN_CARDS = 3; // the rest takes a line each, or the worst would push everything else off a phone
let mostResolved = 8;
const ENDINGS = { recovered: "recovered", no_data: "no more data", rule_removed: "rule removed" };

export function showAlerts(link) {
  const { firing, pending, resolved, counts } = known.alerts;
  const current = firing.slice(0, MOST_CARDS);
  const list = byId("firing-list");
  const open = opened(current);
  const items = current.map((alert) => ({ alert, isOpen: open.includes(alert) }));
  reconcile(list, items, ({ alert }) => alert.id, (item) => (item.isOpen ? card(item.alert, link) : foldedCard(item.alert, link)));
  showRates();
  const rest = counts.firing - current.length;
  const notes = [];
  if (rest > 0) notes.push(`${count(rest)} more are firing; the presets below are in order of urgency.`);
  if (pending.length) notes.push(...pending.slice(0, 5).map(pendingLine));
  if (!counts.firing && !pending.length) notes.push("Nothing is firing.");
  notes.forEach((note, index) => {
    const line = el("p", { class: "note" }, note);
    line.dataset.key = `note-${index}`;
    list.append(line);
  });
  showResolved(resolved);
}

// What is worst of each preset: the rules that agree with it say little that is new.
const opened = (alerts) =>
  alerts.filter((alert, index) => alerts.findIndex(({ preset }) => preset === alert.preset) === index).slice(0, OPEN_CARDS);

function showResolved(resolved) {
  reconcile(byId("recent-list"), resolved.length ? resolved.slice(0, mostResolved) : [{ id: "none" }], (alert) => alert.id,
    (alert) => (alert.rule ? ended(alert) : el("p", { class: "note" }, "No alert has resolved lately.")));
  const button = byId("more-recent");
  button.hidden = resolved.length <= mostResolved;
  setText(button, `Show all ${count(resolved.length)}`);
}

export function showAllResolved() {
  mostResolved = Infinity;
  showResolved(known.alerts.resolved);
}

function pendingLine(alert) {
  return el("span", {}, icon("pending", "Pending"), " ", subject(alert), ` · ${ruleOf(alert)} since `, time(alert.started_at));
}

// The rule and, where it has an alert for each reason, the reason.
const ruleOf = (alert) => [alert.rule, ...Object.values(alert.group ?? {})].join("/");

const isWhole = ({ preset }) => preset === "*";
const nameOf = (alert) => (isWhole(alert) ? "the whole topic" : readable(alert.preset));
const subject = (alert) => (isWhole(alert) ? "The whole topic" : named(alert.preset));

// In place, as a card that is made anew every few seconds takes the selection with it.
function showRates() {
  for (const { dataset, parentElement } of document.querySelectorAll("[data-rate-of]")) {
    const rate = known.rates.get(dataset.rateOf);
    setText(parentElement.querySelector("dt"), `Now, ${known.window}`);
    setText(parentElement.querySelector("dd"), rate?.total ? `${percent(rate.error_rate)}, ${jobs(rate.errors, rate.total)}` : "no jobs");
  }
}

function card(alert, link) {
  return el("article", { class: `card ${alert.severity}`, "aria-label": `${alert.severity}: ${nameOf(alert)}, ${ruleOf(alert)}` },
    el("div", { class: "card-head" },
      icon(alert.severity, STATE_WORDS[alert.severity] ?? alert.severity),
      el("h3", {}, alert.preset === "*" ? subject(alert) : link(alert.preset)),
      el("span", { class: "rule" }, ruleOf(alert))),
    evidence(alert));
}

function foldedCard(alert, link) {
  return el("details", { class: `card ${alert.severity}` },
    el("summary", {}, icon(alert.severity, STATE_WORDS[alert.severity] ?? alert.severity), " ", subject(alert), " ",
      el("span", { class: "rule" }, ruleOf(alert))),
    alert.preset === "*" ? null : el("p", {}, "Show ", link(alert.preset)),
    evidence(alert));
}

function evidence(alert) {
  const summary = alert.annotations?.summary;
  return [
    summary ? el("p", { class: "summary" }, el("bdi", {}, readable(summary))) : null,
    el("p", { class: "since" }, "Since ", time(alert.started_at), el("span", { class: "age", "data-since": alert.started_at })),
    advice("Why", alert.why),
    advice("Do", alert.do),
    runbook(alert),
    el("dl", { class: "facts" },
      fact("When it fired", alert.total ? `${percent(alert.error_rate)}, ${jobs(alert.errors, alert.total)}` : "no jobs"),
      fact("95 % between", between(alert.error_rate_low, alert.error_rate_high)),
      fact("Threshold", threshold(alert)),
      alert.preset === "*" ? null : el("div", {}, el("dt"), el("dd", { "data-rate-of": alert.preset })),
      fact("Reasons", grouped(alert.reasons)),
      fact("Whose side", grouped(alert.parties))),
    samples(alert),
  ];
}

const advice = (title, text) => (text ? el("p", { class: "advice" }, el("strong", {}, `${title}: `), el("bdi", {}, readable(text, 400))) : null);

const fact = (name, value) => (value && value.length !== 0 ? el("div", {}, el("dt", {}, name), el("dd", {}, value)) : null);

function threshold(alert) {
  if (alert.threshold === null || alert.threshold === undefined) return "";
  if (alert.rule_kind === "threshold") return percent(alert.threshold);
  return alert.rule_kind === "silence" ? duration(alert.threshold) : count(alert.threshold);
}

const grouped = (group) => largest(group).slice(0, 4)
  .flatMap(([name, number], index) => [index ? ", " : "", ...coded(name), ` ${count(number)}`]);

function samples(alert) {
  if (!alert.sample_jobs?.length) return null;
  return el("details", {}, el("summary", {}, alert.sample_jobs.length === 1 ? "1 failed job to look up" : `${alert.sample_jobs.length} failed jobs to look up`),
    el("ul", { class: "jobs" }, alert.sample_jobs.map((job) => el("li", {}, el("code", {}, el("bdi", {}, readable(job)))))));
}

function runbook(alert) {
  const url = alert.annotations?.runbook_url;
  if (!/^https?:\/\//.test(url ?? "")) return null;
  return el("p", {}, el("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, "Runbook"));
}

function ended(alert) {
  const lasted = (Date.parse(alert.at) - Date.parse(alert.started_at)) / 1000;
  return el("details", { class: "ended" },
    el("summary", {}, el("span", { class: "when" }, time(alert.at)), " ", icon("ok", "Resolved"), " ", subject(alert), " ",
      el("span", { class: "rule" }, ruleOf(alert)), " ", el("span", { class: "lasted" }, `after ${duration(lasted)}`)),
    el("dl", { class: "facts" },
      fact("Severity", alert.severity),
      fact("Fired", time(alert.started_at)),
      fact("Resolved", time(alert.at)),
      fact("Because", ENDINGS[alert.resolve_reason] ?? alert.resolve_reason),
      fact("By then", alert.total ? `${percent(alert.error_rate)}, ${jobs(alert.errors, alert.total)}` : "no jobs"),
      fact("Reasons", grouped(alert.reasons)),
      fact("Episode", el("code", {}, alert.episode))),
    samples(alert));
}

export function showAges() {
  for (const age of document.querySelectorAll("[data-since]")) {
    age.textContent = `, for ${duration((now() - Date.parse(age.dataset.since)) / 1000)}`;
  }
}
