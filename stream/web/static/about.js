// What runs here and by which rules.
import { byId, el } from "./dom.js";
import { percent } from "./format.js";

export function showAbout(about) {
  const settings = ["pane", "allowed_lateness", "idle_after", "dedupe_horizon", "kept", "max_presets", "partitions"];
  byId("about-body").replaceChildren(
    el("details", {}, el("summary", {}, `${about.rules.length} rules, version ${about.rules_version}`), refusal(about.rules_refused),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rules" }, el("table", {},
        el("thead", {}, el("tr", {}, ["Rule", "Severity", "Watches", "Fires when"].map((title) => el("th", { scope: "col" }, title)))),
        el("tbody", {}, about.rules.map((rule) => el("tr", {}, el("th", { scope: "row" }, rule.name), el("td", {}, rule.severity),
          el("td", {}, rule.presets.length ? rule.presets.join(", ") : "the whole topic"), el("td", {}, condition(rule)))))))),
    el("details", {}, el("summary", {}, "Settings"), el("dl", { class: "facts" },
      settings.map((name) => el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, String(about[name])))))),
    el("p", { class: "note" }, `presetwatch ${about.version}`));
}

function refusal(faults) {
  if (!faults.length) return "";
  const said = faults.map(({ line, fault }) => (line ? `line ${line}: ${fault}` : fault)).join("; ");
  return el("p", { class: "note" }, `The rules file as it is now was refused, and these are still in force: ${said}`);
}

const HEAD = new Set(["name", "kind", "severity", "presets", "labels", "annotations"]);

function condition(rule) {
  const only = [...(rule.parties ?? []), ...(rule.reasons ?? []), ...(rule.source_types ?? []),
    ...(rule.group_by?.includes("reason") ? ["each reason by itself"] : [])].join(", ");
  if (rule.kind === "threshold") {
    return `over ${percent(rule.error_rate)} of at least ${rule.min_jobs} jobs in ${rule.window} failed${only ? ` (only ${only})` : ""}, surely at ${percent(rule.confidence)}`;
  }
  if (rule.kind === "consecutive") return `the newest ${rule.errors} jobs have all failed${only ? ` (only ${only})` : ""}`;
  if (rule.kind === "silence") return `no job has ended for ${rule.after}`;
  const rest = Object.entries(rule).filter(([name, value]) => !HEAD.has(name) && value !== null && value?.length !== 0
    && !(name === "group_by" && value.length === 1));
  return `${rule.kind.replaceAll("_", " ")}: ${rest.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ")}`;
}
