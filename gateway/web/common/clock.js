// Times as people read them, and elements that count by themselves: <time data-since="…"> and data-until.

let offsetMs = 0;
let ticking = 0;

/** The node's clock is what counts: `at` is its time at this moment (ISO 8601). */
export function synchronise(at) {
  offsetMs = Date.parse(at) - Date.now();
}

/** The node's time, in ms. */
export function now() {
  return Date.now() + offsetMs;
}

/** 75 is 1:15, 3675 is 1:01:15. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** The time of day, in the reader's way; with its date when that isn't today's. */
export function timeOfDay(at) {
  const then = new Date(at);
  const time = { hour: "2-digit", minute: "2-digit" };
  const today = then.toDateString() === new Date(now()).toDateString();
  const date = { year: then.getFullYear() === new Date(now()).getFullYear() ? undefined : "numeric", month: "short", day: "numeric" };
  return then.toLocaleString(document.documentElement.lang, today ? time : { ...date, ...time });
}

/** Seconds until then; 0 when it is over. */
export function left(at) {
  return Math.max(0, (Date.parse(at) - now()) / 1000);
}

/** Makes `node` count from (or down to) this time; null: it shows nothing. */
export function count(node, { since = null, until = null }) {
  node.dataset.since = since ?? "";
  node.dataset.until = until ?? "";
  show(node);
}

/** Counts once a second, in the whole page. */
export function start() {
  if (!ticking) ticking = setInterval(() => document.querySelectorAll("time[data-since]").forEach(show), 1000);
}

function show(node) {
  const { since, until } = node.dataset;
  let text = "";
  if (until) text = duration(Math.ceil(left(until)));
  else if (since) text = duration((now() - Date.parse(since)) / 1000);
  if (node.textContent !== text) node.textContent = text;
}
