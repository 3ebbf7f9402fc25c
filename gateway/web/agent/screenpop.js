// The screen pop: what is known of a caller, as an agent reads it. It is text from outside, and stays text.
import { el } from "/web/common/dom.js";
import { now, timeOfDay } from "/web/common/clock.js";

const FIRST = ["customer", "authentication", "intent", "journey"];
const UNTOLD = new Set(["id", "forgotten_steps", "attributes", "attachments", "record"]); // for programs, or shown elsewhere
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/; // ISO 8601
const MAX_DEPTH = 4;
const MAX_ITEMS = 60;

/** Sections for a context (plain JSON): those that every contact centre has, then everything else. */
export function screenPop(context, t) {
  const rest = Object.entries(context).filter(([key, value]) => !FIRST.includes(key) && !UNTOLD.has(key) && filled(value));
  const attributes = { ...(isObject(context.attributes) ? context.attributes : {}), ...Object.fromEntries(rest) };
  const known = FIRST.filter((key) => filled(context[key])).map((key) => section(key, context[key], t));
  if (filled(attributes)) known.push(section("attributes", attributes, t));
  if (filled(context.record)) known.unshift(links([context.record], t, "record"));
  if (filled(context.attachments)) known.push(links(context.attachments, t));
  return known;
}

function section(key, value, t) {
  const head = el("h3", {}, t(`pop.${key}`));
  if (key === "authentication") head.append(" ", verdict(value, t));
  const told = key === "authentication" && value.state === "none" ? null : body(value, 0, t);
  return el("section", { "data-section": key }, head, told);
}

/** Whether the caller is who they say, at this moment: what was proved may have run out. */
function verdict(value, t) {
  const until = value.until ?? value.expires_at;
  const over = value.state === "expired" || (until && moment(until) <= now());
  const proved = value.authenticated ?? !["none", undefined].includes(value.level);
  const [tone, key] = over ? ["warn", "pop.expired"] : proved ? ["good", "pop.verified"] : ["warn", "pop.unverified"];
  return el("span", { class: `tag ${tone}` }, t(key));
}

function links(attachments, t, name = "attachments") {
  const items = attachments.slice(0, MAX_ITEMS).filter(({ url }) => /^https?:\/\//i.test(url)).map(({ url, title }) => (
    el("li", {}, el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, title || url))
  ));
  return el("section", { "data-section": name }, el("h3", {}, t(`pop.${name}`)), el("ul", {}, ...items));
}

function moment(value) {
  return typeof value === "number" ? value * 1000 : Date.parse(value);
}

function body(value, depth, t) {
  if (depth >= MAX_DEPTH) return el("span", {}, JSON.stringify(value));
  if (Array.isArray(value)) {
    return el("ol", {}, ...value.slice(0, MAX_ITEMS).map((item) => el("li", {}, step(item) ?? body(item, depth + 1, t))));
  }
  if (isObject(value)) {
    const entries = Object.entries(value).slice(0, MAX_ITEMS);
    return el("dl", {}, ...entries.flatMap(([key, item]) => [
      el("dt", {}, named(key, t)),
      el("dd", {}, body(isMoment(key, item) ? new Date(item * 1000).toISOString() : item, depth + 1, t)),
    ]));
  }
  if (typeof value === "string" && MOMENT.test(value)) return el("time", { datetime: value }, timeOfDay(value));
  return el("span", {}, value === null || value === "" ? "–" : String(value));
}

/** Whether it is a time in seconds since 1970, which nobody can read. */
function isMoment(key, value) {
  return typeof value === "number" && /(_at|until)$/.test(key) && value > 1e9 && value < 1e11;
}

/** What everybody has is said in the agent's language; what an app has thought of, as it is. */
function named(key, t) {
  const said = t(`key.${key}`);
  return said === `key.${key}` ? key.replaceAll("_", " ") : said;
}

/** A step of a journey in one line: when, what, and what was said. */
function step(item) {
  if (!isObject(item) || typeof item.text !== "string") return null;
  const about = [item.at && timeOfDay(item.at), item.kind].filter(Boolean).join(" · ");
  return el("span", {}, el("span", { class: "quiet" }, about, about && ": "), item.text);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function filled(value) {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
