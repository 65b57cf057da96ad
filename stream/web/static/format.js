// Numbers and times as people read them: numbers in English like the page, times in the viewer's zone, or in UTC where
// the address asks for it, as notifications have them.
import { el } from "./dom.js";

export const UTC = "UTC";
export const isUtc = new URLSearchParams(location.search).get("zone") === UTC;
const timeZone = isUtc ? UTC : undefined;

const counts = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat(undefined, { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dated = new Intl.DateTimeFormat(undefined, {
  timeZone, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const clockTick = new Intl.DateTimeFormat(undefined, { timeZone, hour: "2-digit", minute: "2-digit" });
export const dayTick = new Intl.DateTimeFormat(undefined, { timeZone, day: "numeric", month: "short" });
const day = new Intl.DateTimeFormat("en", { timeZone, dateStyle: "short" });
export const percent = (share) => (share === null || share === undefined ? "no jobs" : `${tenths(share * 100)} %`);

// Just as Python rounds, and so notifications and the terminal: 6.25 is 6.2, where toFixed would make it 6.3.
const tenths = (value) => (value % 1 === 0.25 ? value - 0.05 : value).toFixed(1).replace(".0", "");
export const count = (number) => counts.format(number);
export const between = (low, high) =>
  low === null || low === undefined ? "" : `${percent(low).replace(" %", "")}–${percent(high)}`;

export const jobs = (errors, total) => `${count(errors)} of ${count(total)} ${total === 1 ? "job" : "jobs"}`;

const UNITS = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

// The two largest units say enough: 3 h 12 min, 4 min 10 s, 325 d.
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const first = UNITS.findIndex(([, size]) => whole >= size);
  if (first < 0) return "0 s";
  const [unit, size] = UNITS[first];
  const parts = [`${count(Math.floor(whole / size))} ${unit}`];
  const next = UNITS[first + 1];
  if (next && unit !== "d") {
    const rest = Math.floor((whole % size) / next[1]);
    if (rest) parts.push(`${rest} ${next[0]}`);
  }
  return parts.join(" ");
}

export function timeText(ms) {
  const date = new Date(ms);
  return day.format(date) === day.format(new Date()) ? clock.format(date) : dated.format(date);
}

export const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;

export function time(text) {
  const ms = Date.parse(text);
  return el("time", { datetime: text, title: utc(ms) }, timeText(ms));
}
