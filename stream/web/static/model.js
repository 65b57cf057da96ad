// What is known, and what is chosen to be shown of it.

export const known = { rates: new Map(), alerts: null, at: 0, offset: 0, problem: null };

export function take(message) {
  known.offset = message.at_ms - Date.now();
  known.problem = null;
  if (message.whole) known.rates.clear();
  for (const preset of message.gone ?? []) known.rates.delete(preset);
  for (const rate of message.rates ?? []) known.rates.set(rate.preset, rate);
  const { rates, gone, whole, ...rest } = message;
  Object.assign(known, rest);
}

export const now = () => Date.now() + known.offset;

const NAMES = ["preset", "window", "span", "zone"];

export function readChoice() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name)]));
}

export function address(choice) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (choice[name] !== null) query.set(name, choice[name]);
  return query.size ? `?${query}` : location.pathname;
}

// What to look at when nobody has said: the most urgent, else everything.
export const shown = (choice) => choice.preset ?? known.alerts?.firing[0]?.preset ?? "*";

const RANK = { critical: 0, warning: 1, info: 2, pending: 3, ok: 4, unknown: 5 };

export function stateOf(preset) {
  const firing = (known.alerts?.firing ?? []).filter((alert) => alert.preset === preset);
  if (firing.length) return firing.map((alert) => alert.severity).sort((a, b) => RANK[a] - RANK[b])[0];
  if ((known.alerts?.pending ?? []).some((alert) => alert.preset === preset)) return "pending";
  return known.rates.get(preset)?.total ? "ok" : "unknown";
}

export const STATE_WORDS = {
  critical: "Critical", warning: "Warning", info: "Info", pending: "Pending", ok: "OK", unknown: "No jobs",
};

// The worst first: by state, then by how bad the rate is for certain, then by name.
export function ranked(filter) {
  const wanted = filter.trim().toLowerCase();
  const states = new Map();
  const rows = [...known.rates.values()].filter((rate) => rate.preset.toLowerCase().includes(wanted));
  for (const rate of rows) states.set(rate.preset, stateOf(rate.preset));
  rows.sort((a, b) => RANK[states.get(a.preset)] - RANK[states.get(b.preset)]
    || (b.error_rate_low ?? -1) - (a.error_rate_low ?? -1) || b.total - a.total || (a.preset < b.preset ? -1 : 1));
  return rows.map((rate) => ({ rate, state: states.get(rate.preset) }));
}

export const largest = (group) => Object.entries(group ?? {}).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
