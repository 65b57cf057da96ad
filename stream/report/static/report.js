// Draws each preset of the page: its rate with band and limits, its jobs, and a lane of episodes for each rules file.
"use strict";

const LEFT = 58;
const RIGHT = 16;
const charts = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const percent = (share) => (share === null ? "no jobs" : `${(share * 100).toFixed(1).replace(/\.0$/, "")} %`);
const timeText = (seconds) => new Date(seconds * 1000).toISOString().replace(/(\.\d+)?Z$/, "Z").replace("T", " ");
const plots = [];

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function lasting(seconds) {
  const units = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];
  let rest = Math.round(seconds), text = "";
  for (const [unit, size] of units) {
    if (rest >= size) text += `${Math.floor(rest / size)}${unit}`;
    rest %= size;
  }
  return text || "0s";
}

const said = (one) => [
  one.rule ?? one.name,
  `${timeText(one.from)}, ${one.isOpen ? "still firing after " : ""}${lasting(one.to - one.from)}`,
  ...(one.isFalse ? ["false alarm"] : []),
  ...(one.summary ? [one.summary] : []),
].join(" · ");

// Rules that fire at the same time lie below one another, so that none hides another.
function lane(name, episodes, kind) {
  const rules = [...new Set(episodes.map((one) => one.rule))].sort();
  const track = el("div", { class: "track" });
  track.style.left = `${LEFT}px`;
  track.style.right = `${RIGHT}px`;
  const marks = episodes.map((one) => {
    const classes = kind ?? `${one.severity}${one.isFalse ? " false" : ""}`;
    const node = el("div", { class: `mark ${classes}`, title: said(one), role: "img", "aria-label": said(one), tabindex: 0 });
    node.style.top = `${1.3 + 0.75 * rules.indexOf(one.rule)}rem`;
    track.append(node);
    return { node, one };
  });
  const title = el("span", { class: "lane-name" }, name);
  title.style.paddingInlineStart = `${LEFT + 4}px`;
  const row = el("div", { class: "lane" }, title, track);
  row.style.height = `${1.5 + 0.75 * rules.length}rem`;
  return { node: row, marks };
}

function place(lanes, min, max) {
  const share = (at) => ((at - min) / (max - min)) * 100;
  for (const { marks } of lanes) for (const { node, one } of marks) {
    node.hidden = one.to < min || one.from > max;
    node.style.left = `${share(one.from)}%`;
    node.style.width = `${share(one.to) - share(one.from)}%`;
  }
}

function shadeIncidents(chart) {
  return (plot) => {
    plot.ctx.save();
    plot.ctx.fillStyle = colour("known-tint");
    for (const one of chart.incidents) {
      const [left, right] = [one.from, one.to].map((at) => plot.valToPos(Math.min(Math.max(at, plot.scales.x.min), plot.scales.x.max), "x", true));
      plot.ctx.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
    }
    plot.ctx.restore();
  };
}

const axes = (format) => {
  const common = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
  // Least step in seconds, its format, and what is added where a year, month or day begins: a clock of 24 hours.
  const clock = (least, format) => [least, format, "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1];
  const times = [[86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1], clock(3600, "{HH}:{mm}"), clock(60, "{HH}:{mm}"), clock(1, "{HH}:{mm}:{ss}")];
  return [{ ...common, values: times }, { ...common, values: (_, values) => values.map(format), size: LEFT }];
};

function options(chart, height, series, format, top, more) {
  return {
    width: 600, height, legend: { show: false }, padding: [8, RIGHT, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { sync: { key: chart.preset }, y: false, drag: { x: true, y: false } },
    scales: { y: { range: () => [0, top] } }, axes: axes(format), series: [{}, ...series], ...more,
  };
}

function drawRate(chart, readOut, onRange) {
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const limit = ({ severity }) => ({ stroke: colour(severity === "critical" ? "critical" : "warning"), width: 1.5, dash: [7, 5], points: { show: false } });
  const line = { stroke: colour("accent"), width: 2, points: { size: 4 } };
  const top = Math.min(1, Math.max(0.05, ...chart.limits.map((each) => each.rate * 1.25), ...chart.rate.map((rate) => (rate ?? 0) * 1.3)));
  const data = [chart.at, chart.rate, chart.low, chart.high, ...chart.limits.map((each) => chart.at.map(() => each.rate))];
  return [options(chart, 220, [line, edge, edge, ...chart.limits.map(limit)], percent, top, {
    bands: [{ series: [3, 2], fill: colour("band") }],
    hooks: { drawClear: [shadeIncidents(chart)], setCursor: [readOut], setScale: [(plot, key) => key === "x" && onRange(plot)] },
  }), data];
}

function drawJobs(chart) {
  const bars = (fill) => ({ stroke: fill, fill, width: 0, paths: uPlot.paths.bars({ size: [0.9, 40] }), points: { show: false } });
  const top = Math.max(4, ...chart.jobs);
  const count = (value) => (Number.isInteger(value) ? value.toLocaleString("en") : "");
  return [options(chart, 100, [bars(colour("bar")), bars(colour("critical"))], count, top, {}), [chart.at, chart.jobs, chart.errors]];
}

function listed(chart) {
  const rows = chart.lanes.flatMap(({ file, episodes }) => episodes.map((one) => el("tr", {},
    ...[file, one.rule, timeText(one.from), lasting(one.to - one.from), one.isOpen ? "still firing" : "resolved", one.isFalse ? "false alarm" : "", one.summary].map((text) => el("td", {}, text)))));
  if (!rows.length) return el("p", { class: "note" }, "No rules file gave an alert.");
  const heads = ["rules", "rule", "fired", "lasted", "since then", "verdict", "summary"].map((text) => el("th", { scope: "col" }, text));
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows));
  return el("details", {}, el("summary", {}, `${rows.length} episode${rows.length === 1 ? "" : "s"} as a table`), el("div", { class: "wide" }, table));
}

function legend(chart) {
  const entries = [`line: rate over ${chart.window}`, "shade: 95 % confidence", `bars: jobs and errors per ${chart.step}`,
    ...chart.limits.map((each) => `${percent(each.rate)}: ${each.rules.join(", ")}`), "drag to zoom, double-click to see all"];
  return el("ul", { class: "legend" }, ...entries.map((text) => el("li", {}, text)));
}

function show(chart) {
  const readout = el("p", { class: "readout" });
  const [rate, jobs, rows] = ["rate", "jobs", "lanes"].map((name) => el("div", { class: name }));
  const lanes = [...(chart.incidents.length ? [lane("incidents", chart.incidents, "known")] : []),
    ...chart.lanes.map(({ file, episodes }) => lane(file, episodes))];
  rows.append(...lanes.map(({ node }) => node));
  const title = el("h2", {}, el("bdi", {}, chart.preset === "*" ? "The whole topic" : chart.preset));
  document.getElementById("charts").append(el("section", { "data-preset": chart.preset }, title, readout, rate, rows, jobs, legend(chart), listed(chart)));
  const readOut = (plot) => {
    const at = plot.cursor.idx;
    readout.textContent = at == null ? "" : `${timeText(chart.at[at])} UTC: ${percent(chart.rate[at])}`
      + (chart.rate[at] === null ? "" : `, between ${percent(chart.low[at])} and ${percent(chart.high[at])}`) + `; ${chart.jobs[at]} jobs, ${chart.errors[at]} failed in ${chart.step}`;
  };
  let bars = null;
  const onRange = (plot) => {
    const { min, max } = plot.scales.x;
    if (min == null) return;
    place(lanes, min, max);
    if (bars && (bars.scales.x.min !== min || bars.scales.x.max !== max)) bars.setScale("x", { min, max });
  };
  const main = new uPlot(...drawRate(chart, readOut, onRange), rate);
  bars = new uPlot(...drawJobs(chart), jobs);
  place(lanes, chart.at[0], chart.at[chart.at.length - 1]);
  plots.push(main, bars);
}

function fit() {
  for (const plot of plots) plot.setSize({ width: Math.max(240, plot.root.parentElement.clientWidth), height: plot.height });
}

function showAll() {
  plots.splice(0).forEach((plot) => plot.destroy());
  document.getElementById("charts").replaceChildren();
  charts.filter((chart) => chart.at.length).forEach(show);
  fit();
}

dark.addEventListener("change", showAll);
addEventListener("resize", fit);
showAll();
