// The queues at this moment, and the sums over all of them.
import { $, el, fill, say } from "/web/common/dom.js";
import { count, duration } from "/web/common/clock.js";
import { showRows } from "/web/common/rows.js";

const GOOD_LEVEL = 0.8;

export function show(live, t) {
  const queues = [...live.queues.values()].sort((a, b) => a.name.localeCompare(b.name));
  showRows($("queues").tBodies[0], queues.map((queue) => ({ ...queue, expected: expected(queue, live) })), ({ name }) => name, makeRow);
  showSums(queues, live, t);
}

/** What the newest caller in line is told, in seconds; null where nothing is known. */
function expected(queue, live) {
  const waiting = [...live.entries.values()].filter((entry) => entry.queue === queue.name && entry.estimate);
  return waiting.sort((a, b) => (b.position ?? 0) - (a.position ?? 0))[0]?.estimate.median_s ?? null;
}

function makeRow({ name }) {
  const cells = Array.from({ length: 9 }, () => el("td", { class: "figure" }));
  const row = el("tr", {}, el("td", {}, name), ...cells);
  const [waiting, callbacks, longest, estimate, average, level, answered, abandoned, free] = cells;
  const oldest = el("time");
  const tag = el("span");
  const met = el("span");
  longest.append(oldest);
  waiting.append(tag);
  level.append(met);
  row.update = (queue) => {
    say(tag, String(queue.waiting));
    tag.className = queue.waiting ? "tag warn" : "";
    say(callbacks, String(queue.callbacks));
    count(oldest, { since: queue.oldest_at });
    say(estimate, queue.expected === null ? "–" : duration(queue.expected));
    const today = queue.today ?? {};
    say(average, today.average_wait_s == null ? "–" : duration(today.average_wait_s));
    say(met, percent(today.service_level));
    met.className = today.service_level == null ? "" : `tag ${today.service_level >= GOOD_LEVEL ? "good" : "bad"}`;
    say(answered, String(today.answered ?? "–"));
    say(abandoned, String(today.abandoned ?? "–"));
    say(free, `${queue.idle} / ${queue.on_duty}`);
  };
  return row;
}

function percent(ratio) {
  return ratio == null ? "–" : `${Math.round(ratio * 100)} %`;
}

function showSums(queues, live, t) {
  const sum = (key) => queues.reduce((total, queue) => total + queue[key], 0);
  const today = (key) => queues.reduce((total, queue) => total + (queue.today?.[key] ?? 0), 0);
  const agents = [...live.agents.values()];
  const busy = agents.filter(({ state }) => state === "on_call").length;
  const free = agents.filter(({ state, presence, reachable }) => state === "idle" && presence === "available" && reachable).length;
  const figures = [
    ["waiting", sum("waiting"), sum("waiting") ? "warn" : ""],
    ["callbacks", sum("callbacks"), ""],
    ["state.on_call", busy, ""],
    ["state.idle", free, free ? "good" : ""],
    ["answered", today("answered"), ""],
    ["abandoned", today("abandoned"), ""],
  ];
  fill($("sums"), [figures, t("sums"), t("waiting")], () => figures.map(([key, number, tone]) => (
    el("div", { class: tone }, el("b", {}, String(number)), t(key))
  )));
}
