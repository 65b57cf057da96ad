// Making and changing elements.
// Law: whatever is shown goes in as text; no name or message is ever parsed as markup.

export const byId = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function icon(name, label, shape = name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", `icon ${name}`);
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#${shape}`);
  svg.append(use);
  return label ? el("span", { class: `state ${name}` }, svg, label) : svg;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // a live region speaks whenever it is written
}

const LONGEST_NAME = 160;
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu; // but joiners, which belong to scripts and emoji

// A name as it can be read: what would not show, or would turn what follows around, is spelled out.
export function readable(name, longest = LONGEST_NAME) {
  const spelled = name.replace(UNSEEN, (mark) => `⟨U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  return spelled.length > longest ? `${spelled.slice(0, longest)}…` : spelled || "⟨no name⟩";
}

// A name that somebody else chose, kept apart from the direction of the text around it.
export const named = (name) => el("bdi", { class: "name", title: readable(name.slice(0, 1000)) }, readable(name));

// A reason's name as it stands in rules and JSON, with places where a line may break.
export const coded = (name) => name.split("_").flatMap((part, index) => (index ? [`_`, el("wbr"), part] : [part]));

// Keeps what is there and has not changed, so that focus and open details survive an update.
export function reconcile(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const print = JSON.stringify(item);
    const before = old.get(key);
    if (before && before.dataset.print === print) return before;
    const made = make(item, before);
    made.dataset.key = key;
    made.dataset.print = print;
    if (before) keepState(before, made);
    return made;
  });
  const focus = focusIn(parent);
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild.remove();
  if (focus && !parent.contains(document.activeElement)) {
    const again = wanted.find((child) => child.dataset.key === focus.key);
    const places = again ? stops(again) : [];
    (places[focus.place] ?? places[0])?.focus({ preventScroll: true });
  }
}

const stops = (element) => [...element.querySelectorAll("a, button, summary")];

function focusIn(parent) {
  const child = parent.contains(document.activeElement) ? document.activeElement.closest("[data-key]") : null;
  return child && { key: child.dataset.key, place: stops(child).indexOf(document.activeElement) };
}

const opens = (element) => [...(element.matches("details") ? [element] : []), ...element.querySelectorAll("details")];

function keepState(before, made) {
  const now = opens(made);
  opens(before).forEach((each, index) => {
    if (now[index]) now[index].open = each.open;
  });
}
