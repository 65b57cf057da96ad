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

export function icon(name, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", `icon ${name}`);
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return label ? el("span", { class: `state ${name}` }, svg, label) : svg;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // a live region speaks whenever it is written
}

const LONGEST_NAME = 160;

// A name that somebody else chose: isolated, so that its direction marks end with it, and cut where nobody reads on.
export function named(name) {
  const shown = name === "*" ? "all presets" : name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
  return el("bdi", { class: "name", title: name === "*" ? null : name.slice(0, 1000) }, shown);
}

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
  const focused = document.activeElement;
  const hadFocus = parent.contains(focused) ? focused.closest("[data-key]")?.dataset.key : null;
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild.remove();
  if (hadFocus && !parent.contains(document.activeElement)) {
    const again = wanted.find((child) => child.dataset.key === hadFocus);
    again?.querySelector("a, button, summary")?.focus({ preventScroll: true });
  }
}

function keepState(before, made) {
  const opened = before.matches("details") ? before : before.querySelector("details");
  const now = made.matches("details") ? made : made.querySelector("details");
  if (opened?.open && now) now.open = true;
}
