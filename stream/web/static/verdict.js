// The one sentence on top, and how fresh it is.
import { byId, el, setText } from "./dom.js";
import { count, duration, isUtc, jobs, ownZone, percent, time, timeText, UTC } from "./format.js";
import { address, known, now } from "./model.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Info", ok: "OK", unknown: "Unknown" };
const REPLAY_SECONDS = 24 * 3600;

export function showVerdict(link) {
  const { level, sentence, was } = judged(link);
  document.body.dataset.state = known.alerts ? (link.isLive && !link.isBroken ? (known.problem ? "problem" : "live") : "stale") : "loading";
  byId("verdict").dataset.level = level;
  byId("verdict-icon").setAttribute("href", `#${level}`);
  setText(byId("level"), WORDS[level]);
  setText(byId("sentence"), sentence);
  setText(byId("link"), link.isLive ? (known.problem ? "Waiting" : "Live") : link.heardAt ? "Not live" : "Connecting");
  document.title = `${level === "ok" ? "" : `${WORDS[level]}: `}${sentence} · presetwatch`;
  showBanner(link, was);
}

function judged(link) {
  if (link.isBroken) return { level: "unknown", sentence: "This page has failed: load it again.", was: known.verdict?.sentence };
  if (!known.alerts) {
    const sentence = known.problem ? "Nothing is known yet: the worker is not ready." : "Connecting to the worker …";
    return { level: "unknown", sentence };
  }
  const was = known.verdict.sentence;
  if (!link.isLive) return { level: "unknown", sentence: "Not live: nothing is known since the last update.", was };
  if (known.problem) return { level: "unknown", sentence: "Not everything is known right now.", was };
  return known.verdict;
}

function showBanner(link, was) {
  const banner = byId("banner");
  const before = was ? ` Last known: ${was}` : "";
  let text = "";
  if (link.isBroken) text = `What it shows may be wrong.${before}`;
  else if (!link.isLive && link.heardAt) text = `The worker was last heard at ${timeText(link.heardAt)}. Trying to reach it again.${before}`;
  else if (!link.isLive && link.hasFailed) text = "The worker does not answer. Trying again.";
  else if (known.problem) text = `${known.problem}${before}`;
  else if (known.faults?.length) text = known.faults.map((fault) => `${fault.name}: ${fault.detail}`).join(" ");
  setText(banner, text);
  banner.hidden = !text;
}

export function showFreshness(link) {
  const line = byId("freshness");
  if (!known.alerts) return line.replaceChildren();
  if (!known.decided_to) return line.replaceChildren("Nothing has been decided yet.");
  const behind = (now() - Date.parse(known.decided_to)) / 1000;
  const isOld = behind >= REPLAY_SECONDS;
  const isBehind = behind > known.behind_limit_seconds;
  const note = isOld ? "old events, played again" : isBehind ? "behind" : "up to date";
  const said = link.isLive && !known.problem ? ` (${note})` : "";
  line.replaceChildren("Decided up to ", time(known.decided_to), `, ${duration(behind)} ago${said}`);
  line.dataset.behind = isBehind && !isOld;
}

// Since when it is as bad as the sentence says.
export function showSince(link) {
  const firing = link.isLive && !known.problem ? (known.alerts?.firing ?? []) : [];
  const worst = firing.filter(({ severity }) => severity === firing[0].severity);
  if (!worst.length) return byId("since").replaceChildren();
  const first = worst.reduce((a, b) => (Date.parse(b.started_at) < Date.parse(a.started_at) ? b : a)).started_at;
  const ages = duration((now() - Date.parse(first)) / 1000);
  const more = worst.length > 1 ? `, the first of ${count(worst.length)} alerts` : "";
  byId("since").replaceChildren("Since ", time(first), `, for ${ages}${more}${byNow(worst)}`);
}

// The sentence has the figures of the alert event; where it is of one preset, these are the newest.
function byNow(worst) {
  const rate = worst.every(({ preset }) => preset === worst[0].preset) ? known.rates.get(worst[0].preset) : null;
  return rate?.total ? `; in the last ${known.window} ${jobs(rate.errors, rate.total)}, ${percent(rate.error_rate)}` : "";
}

export function showZone(choice) {
  byId("zone").replaceChildren(el("strong", {}, isUtc ? UTC : ownZone));
  const other = byId("other-zone");
  other.setAttribute("href", address({ ...choice, zone: isUtc ? null : UTC }));
  setText(other, isUtc ? `show all in ${ownZone}` : "show all in UTC");
  byId("hover-hint").hidden = isUtc;
  byId("zone-switch").hidden = !isUtc && ownZone === UTC;
}
