// The list of presets, the worst first.
import { byId, coded, el, icon, reconcile, setText } from "./dom.js";
import { between, count, percent } from "./format.js";
import { known, largest, ranked, STATE_WORDS } from "./model.js";

const PAGE = 50;
const LEAST_SCALE = 0.2;
let most = PAGE;

export function showPresets(link, selected) {
  const filter = byId("filter").value;
  const rows = ranked(filter);
  const visible = rows.slice(0, most);
  const scale = Math.max(LEAST_SCALE, ...visible.map(({ rate }) => Math.min(1, (rate.error_rate ?? 0) * 1.5)));
  const items = visible.map((row) => ({ ...row, scale, isSelected: row.rate.preset === selected }));
  reconcile(byId("preset-rows"), items, ({ rate }) => `p${rate.preset}`, (item) => line(item, link));
  setText(byId("presets-count"), summary(rows.length, visible.length, filter));
  byId("presets").dataset.many = known.rates.size > 8;
  byId("presets").dataset.none = !visible.length;
  const button = byId("more");
  button.hidden = rows.length <= visible.length;
  setText(button, `Show all ${count(rows.length)}`);
}

function summary(found, visible, filter) {
  if (!known.rates.size) return "No job has been heard of yet. Send webhook bodies to the events topic, and their presets appear here.";
  if (!found) return `No preset's name contains “${filter.trim().slice(0, 40)}”.`;
  const number = found === 1 ? "1 preset" : `${count(found)} presets`;
  return visible < found ? `${number}, the ${count(visible)} most urgent are shown.` : `${number}, the most urgent first.`;
}

function line({ rate, state, scale, isSelected }, link) {
  const reason = largest(rate.reasons)[0];
  return el("div", { class: `row ${state}`, role: "listitem", "data-selected": isSelected },
    icon(state, STATE_WORDS[state], state === "unknown" ? "none" : state),
    el("div", { class: "who" }, link(rate.preset, isSelected)),
    el("div", { class: "rate" }, percent(rate.error_rate)),
    bar(rate, scale),
    el("div", { class: "of" }, `${count(rate.errors)} of ${count(rate.total)}`, el("span", { class: "unseen" }, " jobs failed")),
    el("div", { class: "why" }, reason ? [...coded(reason[0]), ` ${count(reason[1])}`] : ""));
}

function bar(rate, scale) {
  const text = el("span", { class: "range" }, rate.total ? between(rate.error_rate_low, rate.error_rate_high) : "");
  const track = el("span", { class: "track", "aria-hidden": "true" });
  if (rate.total) {
    const at = (share) => `${Math.min(100, (share / scale) * 100)}%`;
    const band = el("span", { class: "band" });
    band.style.insetInlineStart = at(rate.error_rate_low);
    band.style.width = `calc(${at(rate.error_rate_high)} - ${at(rate.error_rate_low)})`;
    const dot = el("span", { class: "dot" });
    dot.style.insetInlineStart = at(rate.error_rate);
    track.append(band, dot);
  }
  return el("div", { class: "interval" }, el("span", { class: "unseen" }, "95 % between "), track, text);
}

export function showMore() {
  most = Infinity;
}

export function showFewer() {
  most = PAGE;
}

