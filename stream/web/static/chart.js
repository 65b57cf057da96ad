// One preset's rate over time with its band and thresholds, its volume below, and the same as a table.
import { byId, coded, el, named, readable, setText } from "./dom.js";
import { between, clockTick, count, dayTick, isUtc, jobs, percent, time, timeText } from "./format.js";
import { known, largest } from "./model.js";

const AGAIN_MS = 2_000;
const dark = matchMedia("(prefers-color-scheme: dark)");
let plots = [];
let asked = null;
let askedAt = 0;
let timer = null;
let shape = "";
let data = null;

dark.addEventListener("change", () => redraw());
new ResizeObserver(() => plots.forEach(fit)).observe(byId("chart"));

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export function showDetail(preset, window, span, isNew) {
  showTitle(preset);
  showNow(preset);
  clearTimeout(timer);
  const due = askedAt + AGAIN_MS - Date.now();
  if (isNew || due <= 0) fetchSeries(preset, window, span, isNew);
  else timer = setTimeout(() => fetchSeries(preset, window, span, false), due);
}

function showTitle(preset) {
  const title = byId("detail-title");
  if (title.dataset.of === preset) return; // it is spoken whenever it is written
  title.dataset.of = preset;
  title.replaceChildren("Error rate of ", preset === "*" ? "all presets" : named(preset));
}

function showNow(preset) {
  const rate = known.rates.get(preset);
  const line = byId("detail-now");
  if (preset === "*" || !rate) return line.replaceChildren(), byId("causes").replaceChildren();
  line.replaceChildren(el("strong", {}, percent(rate.error_rate)), rate.total
    ? ` now: ${jobs(rate.errors, rate.total)} failed in ${known.window}, 95 % between ${between(rate.error_rate_low, rate.error_rate_high)}`
    : ` in the last ${known.window}`);
  byId("causes").replaceChildren(share("Reasons", rate.reasons, rate.errors), share("Whose side", rate.parties, rate.errors));
}

function share(title, group, errors) {
  const rows = largest(group).slice(0, 6);
  if (!rows.length) return "";
  return el("div", {}, el("h3", {}, title), el("ul", { class: "shares" }, rows.map(([name, number]) => {
    const bar = el("span", { class: "share", "aria-hidden": "true" });
    bar.style.width = `${(number / errors) * 100}%`;
    return el("li", {}, el("span", {}, coded(name)), el("span", {}, count(number)), bar);
  })));
}

async function fetchSeries(preset, window, { span, step }, isNew) {
  asked?.abort();
  const abort = (asked = new AbortController());
  askedAt = Date.now();
  if (isNew) note("Loading …");
  const path = `/api/rates/${encodeURIComponent(preset)}/series?span=${span}&step=${step}`;
  try {
    const [rolling, steps] = await Promise.all([ask(`${path}&window=${window}`, abort), ask(path, abort)]);
    data = { preset, window, step, points: rolling.points, steps: steps.points, thresholds: rolling.thresholds };
    draw();
  } catch (error) {
    if (error.name !== "AbortError" && (isNew || !data)) note(error.message);
  }
}

async function ask(path, { signal }) {
  const response = await fetch(path, { signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? "The worker has no answer.");
  return answer;
}

function note(text) {
  destroy();
  data = null;
  for (const id of ["chart", "volume", "legend", "points"]) byId(id).replaceChildren();
  byId("detail").dataset.empty = true;
  byId("chart").append(el("p", { class: "note" }, el("bdi", {}, readable(text))));
  setText(byId("chart-summary"), "");
  setText(byId("readout"), "");
}

function destroy() {
  plots.forEach((plot) => plot.destroy());
  plots = [];
  shape = "";
}

function redraw() {
  destroy();
  if (data) draw();
}

function draw() {
  const { points, steps, thresholds, preset, window, step } = data;
  if (!points.some((point) => point.total)) return note("No jobs in this span."), undefined;
  const lines = limits(thresholds);
  const x = points.map((point) => Date.parse(point.window_end) / 1000);
  const top = [x, ...["error_rate", "error_rate_low", "error_rate_high"].map((name) => points.map((point) => point[name])),
    ...lines.map((each) => x.map(() => each.error_rate))];
  const bottom = [x, steps.map((point) => point.total || null), steps.map((point) => point.errors || null)];
  const wanted = JSON.stringify([preset, lines, dark.matches]);
  if (wanted === shape) {
    plots[0].setData(top);
    plots[1].setData(bottom);
  } else {
    destroy();
    for (const id of ["chart", "volume"]) byId(id).replaceChildren();
    plots = [new uPlot(rateOptions(lines), top, byId("chart")), new uPlot(volumeOptions(), bottom, byId("volume"))];
    shape = wanted;
    legend(lines, thresholds, window, step);
  }
  delete byId("detail").dataset.empty;
  describe();
}

// One line for each rate, as severe as the worst rule that has it.
function limits(thresholds) {
  const worstLast = thresholds.slice().sort((a, b) => (a.severity === "critical") - (b.severity === "critical"));
  return [...new Map(worstLast.map((each) => [each.error_rate, each])).values()].sort((a, b) => a.error_rate - b.error_rate);
}

// Canvas text does not grow with the page's by itself.
const scaled = (pixels) => Math.round((pixels * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16);
const width = () => Math.max(240, byId("chart").clientWidth);
const fit = (plot, index) => plot.setSize({ width: width(), height: plot.height });

function axes(format, size, space = 40) {
  const common = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: `${scaled(12)}px system-ui, sans-serif` };
  const ticks = (_, values, __, ___, increment) =>
    values.map((value) => (increment >= 86_400 ? dayTick : clockTick).format(new Date(value * 1000)));
  return [{ ...common, values: ticks, space: scaled(70), size: scaled(32) }, { ...common, values: (_, values) => values.map(format), size, space }];
}

// Ticks stand at full hours and days of the zone that is shown.
const tzDate = (seconds) => (isUtc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000));
const cursor = { sync: { key: "time" }, drag: { x: false, y: false }, y: false, points: { size: 7 } };

function rateOptions(lines) {
  const limit = ({ severity }) => ({ stroke: colour(severity === "critical" ? "critical" : "warning"), width: 1.5, dash: [7, 5], points: { show: false } });
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const highest = Math.max(0.05, ...lines.map((each) => each.error_rate * 1.25));
  return {
    width: width(), height: scaled(width() > 1100 ? 300 : 240), legend: { show: false }, cursor, tzDate,
    scales: { y: { range: () => [0, ceiling(highest)] } },
    axes: axes((value) => percent(value), scaled(58)),
    series: [{}, { stroke: colour("accent"), width: 2.5, points: { size: 6, show: () => data.points.filter((point) => point.total).length < 20 } }, edge, edge, ...lines.map(limit)],
    bands: [{ series: [3, 2], fill: colour("band") }],
    hooks: { setCursor: [readOut] },
  };
}

// The band of a handful of jobs reaches far: it may be cut off, the line and the thresholds may not.
function ceiling(highest) {
  const rates = data.points.map((point) => point.error_rate ?? 0);
  return Math.min(1, Math.max(highest, Math.max(...rates) * 1.4));
}

function volumeOptions() {
  const bars = (fill) => ({ stroke: fill, fill, width: 0, paths: uPlot.paths.bars({ size: [0.8, 40] }), points: { show: false } });
  return {
    width: width(), height: scaled(110), legend: { show: false }, cursor, tzDate,
    scales: { y: { range: (_, __, max) => [0, Math.max(4, max ?? 0)] } },
    axes: axes((value) => (Number.isInteger(value) ? count(value) : ""), scaled(58), 20),
    series: [{}, bars(colour("bar")), bars(colour("critical"))],
    hooks: { setCursor: [readOut] },
  };
}

function readOut(plot) {
  const point = data?.points[plot.cursor.idx ?? -1];
  const step = data?.steps[plot.cursor.idx ?? -1];
  setText(byId("readout"), point
    ? `${timeText(Date.parse(point.window_end))}: ${percent(point.error_rate)} ${point.total ? `(${between(point.error_rate_low, point.error_rate_high)}), ${jobs(point.errors, point.total)} in ${data.window}` : `in ${data.window}`}; ${count(step.total)} in ${data.step}`
    : "");
}

function legend(lines, thresholds, window, step) {
  const named = (rate) => thresholds.filter((each) => each.error_rate === rate).map(nameOf).join(", ");
  const entry = (kind, text) => el("li", {}, el("span", { class: `key ${kind}`, "aria-hidden": "true" }), text);
  byId("legend").replaceChildren(
    entry("line", `rate over ${window}`), entry("range", "95 % confidence"),
    ...lines.map((each) => entry(each.severity === "critical" ? "limit critical" : "limit", `${percent(each.error_rate)}: ${named(each.error_rate)}`)),
    entry("volume", `jobs per ${step}`), entry("errors", "errors"));
}

function nameOf({ rule, window, parties, reasons, source_types: sources = [], group_by: groups = [] }) {
  const only = [...parties, ...reasons, ...sources, ...(groups.includes("reason") ? ["one reason"] : [])].join(", ");
  return `${rule} (${window}${only ? `, only ${only}` : ""})`;
}

function describe() {
  const told = data.points.filter((point) => point.total);
  const last = told[told.length - 1];
  const worst = told.reduce((a, b) => (b.error_rate > a.error_rate ? b : a));
  setText(byId("chart-summary"), `From ${timeText(Date.parse(told[0].window_end))} to ${timeText(Date.parse(last.window_end))} the rate was highest at ${timeText(Date.parse(worst.window_end))} with ${percent(worst.error_rate)}; it is now ${percent(last.error_rate)}.`);
  byId("points").replaceChildren(...told.slice().reverse().map((point) => el("tr", {},
    el("td", {}, time(point.window_end)), number(percent(point.error_rate)), number(between(point.error_rate_low, point.error_rate_high)),
    number(count(point.errors)), number(count(point.total)))));
}

const number = (text) => el("td", { class: "number" }, text);
