// The screen pop: what is known of a caller, as an agent reads it. It is text from outside, and stays text.
import { el } from "/web/common/dom.js";
import { now } from "/web/common/clock.js";

const FIRST = ["customer", "authentication", "intent", "journey"];
const MAX_DEPTH = 4;
const MAX_ITEMS = 60;

/** Sections for a context (plain JSON): those that every contact centre has, then everything else. */
export function screenPop(context, t) {
  const rest = Object.fromEntries(
    Object.entries(context).filter(([key]) => !FIRST.includes(key) && key !== "attributes"),
  );
  const attributes = isObject(context.attributes) ? { ...rest, ...context.attributes } : rest;
  const known = FIRST.filter((key) => filled(context[key])).map((key) => section(key, context[key], t));
  return filled(attributes) ? [...known, section("attributes", attributes, t)] : known;
}

function section(key, value, t) {
  const head = el("h3", {}, t(`pop.${key}`));
  if (key === "authentication") head.append(" ", verdict(value, t));
  return el("section", { "data-section": key }, head, body(value, 0));
}

/** Whether the caller is who they say, at this moment: what was proved may have run out. */
function verdict(value, t) {
  const expires = isObject(value) ? value.expires_at ?? value.valid_until : null;
  const proved = isObject(value)
    ? value.verified ?? value.authenticated ?? (value.level !== undefined && value.level !== "none" && value.level !== 0)
    : Boolean(value);
  const over = (isObject(value) && value.expired === true) || (expires && moment(expires) <= now());
  if (proved && over) return el("span", { class: "tag warn" }, t("pop.expired"));
  return el("span", { class: `tag ${proved ? "good" : "warn"}` }, t(proved ? "pop.verified" : "pop.unverified"));
}

function moment(value) {
  return typeof value === "number" ? value * 1000 : Date.parse(value);
}

function body(value, depth) {
  if (depth >= MAX_DEPTH) return el("span", {}, JSON.stringify(value));
  if (Array.isArray(value)) {
    return el("ol", {}, ...value.slice(0, MAX_ITEMS).map((item) => el("li", {}, body(item, depth + 1))));
  }
  if (isObject(value)) {
    const entries = Object.entries(value).slice(0, MAX_ITEMS);
    return el("dl", {}, ...entries.flatMap(([key, item]) => [
      el("dt", {}, key.replaceAll("_", " ")),
      el("dd", {}, body(item, depth + 1)),
    ]));
  }
  return el("span", {}, value === null || value === "" ? "–" : String(value));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function filled(value) {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
