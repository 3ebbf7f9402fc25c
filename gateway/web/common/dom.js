// The little that the pages need of the DOM. Text from outside only ever becomes text.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/**
 * An element: el("td", { class: "number", lang: "ja" }, "text", child).
 * `on…` are listeners, true is an empty attribute, null and false are left out.
 */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Sets the text of `node` only when it differs, so that screen readers don't repeat what is the same. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Fills `node` with `children`, unless `from` is what it was filled from the last time. */
export function fill(node, from, make) {
  const key = JSON.stringify(from);
  if (node.madeFrom === key) return;
  node.madeFrom = key;
  node.replaceChildren(...make());
}
