// What fires, with its evidence, and what has resolved.
import { byId, el, icon, named, reconcile } from "./dom.js";
import { between, count, duration, jobs, percent, time } from "./format.js";
import { known, largest, now, STATE_WORDS } from "./model.js";

const MOST_CARDS = 12;
const ENDINGS = { recovered: "recovered", no_data: "no more data", rule_removed: "rule removed" };

export function showAlerts(link) {
  const { firing, pending, resolved, counts } = known.alerts;
  const current = firing.slice(0, MOST_CARDS);
  const list = byId("firing-list");
  reconcile(list, current.map((alert) => ({ alert, now: known.rates.get(alert.preset) ?? null })),
    ({ alert }) => alert.id, (item) => card(item, link));
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
  reconcile(byId("recent-list"), resolved.length ? resolved : [{ id: "none" }], (alert) => alert.id,
    (alert) => (alert.rule ? ended(alert) : el("p", { class: "note" }, "No alert has resolved lately.")));
}

function pendingLine(alert) {
  return el("span", {}, icon("pending", "Pending"), " ", named(alert.preset), ` · ${alert.rule} since `, time(alert.started_at));
}

function card({ alert, now: rate }, link) {
  const summary = alert.annotations?.summary;
  return el("article", { class: `card ${alert.severity}`, "aria-label": `${alert.severity}: ${alert.rule}` },
    el("div", { class: "card-head" },
      icon(alert.severity, STATE_WORDS[alert.severity] ?? alert.severity),
      el("h3", {}, alert.preset === "*" ? named("*") : link(alert.preset)),
      el("span", { class: "rule" }, alert.rule)),
    summary ? el("p", { class: "summary" }, el("bdi", {}, summary)) : null,
    el("p", { class: "since" }, "Since ", time(alert.started_at), el("span", { class: "age", "data-since": alert.started_at })),
    el("dl", { class: "facts" },
      fact("When it fired", alert.total ? `${percent(alert.error_rate)}, ${jobs(alert.errors, alert.total)}` : "no jobs"),
      fact("95 % between", between(alert.error_rate_low, alert.error_rate_high)),
      fact("Threshold", threshold(alert)),
      fact(`Now, ${known.window}`, rate && rate.total ? `${percent(rate.error_rate)}, ${jobs(rate.errors, rate.total)}` : "no jobs"),
      fact("Reasons", grouped(alert.reasons)),
      fact("Whose side", grouped(alert.parties))),
    samples(alert),
    runbook(alert));
}

const fact = (name, value) => (value ? el("div", {}, el("dt", {}, name), el("dd", {}, value)) : null);

function threshold(alert) {
  if (alert.threshold === null || alert.threshold === undefined) return "";
  if (alert.rule_kind === "threshold") return percent(alert.threshold);
  return alert.rule_kind === "silence" ? duration(alert.threshold) : count(alert.threshold);
}

const grouped = (group) => largest(group).slice(0, 4).map(([name, number]) => `${name} ${count(number)}`).join(", ");

function samples(alert) {
  if (!alert.sample_jobs?.length) return null;
  return el("details", {}, el("summary", {}, `${alert.sample_jobs.length} failed jobs to look up`),
    el("ul", { class: "jobs" }, alert.sample_jobs.map((job) => el("li", {}, el("code", {}, el("bdi", {}, job))))));
}

function runbook(alert) {
  const url = alert.annotations?.runbook_url;
  if (!/^https?:\/\//.test(url ?? "")) return null;
  return el("p", {}, el("a", { href: url, rel: "noreferrer noopener", target: "_blank" }, "Runbook"));
}

function ended(alert) {
  const lasted = (Date.parse(alert.at) - Date.parse(alert.started_at)) / 1000;
  return el("details", { class: "ended" },
    el("summary", {}, el("span", { class: "when" }, time(alert.at)), " ", icon("ok", "Resolved"), " ", named(alert.preset),
      el("span", { class: "rule" }, alert.rule), el("span", { class: "lasted" }, `after ${duration(lasted)}`)),
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
