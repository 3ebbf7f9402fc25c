// Beside the call: the agent's queues, the callbacks that wait, and today's calls.
import { $, el, fill } from "/web/common/dom.js";
import { count, duration, now, timeOfDay } from "/web/common/clock.js";
import { who } from "./call.js";

const EVERY_MS = 4000;
const HISTORY = "ringback.history";
const MOST = 100;
const CLAIMABLE = new Set(["waiting", "scheduled"]);

export function setUp(page) {
  const { desk, api, words } = page;
  const look = () => {
    if (document.hidden || !desk.agent) return;
    lookAtQueues(desk, api);
    lookAtCallbacks(page);
  };
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  desk.addEventListener("callended", ({ detail }) => remember(detail, words));
  words.addEventListener("change", () => showHistory(words));
  showHistory(words);
  desk.addEventListener("change", () => recall(desk, api, words), { once: true });
  return look;
}

async function lookAtQueues(desk, api) {
  const { queues } = await api.get("/v1/queues").catch(() => ({ queues: null }));
  if (!queues) return;
  const served = queues.filter(({ name }) => desk.agent.queues.includes(name));
  const figures = served.map(({ name, waiting, callbacks, oldest_at, idle }) => ({ name, waiting, callbacks, oldest_at, idle }));
  fill($("queues").tBodies[0], figures, () => figures.map(queueRow));
}

function queueRow({ name, waiting, callbacks, oldest_at: oldest, idle }) {
  const longest = el("time");
  count(longest, { since: oldest });
  return el("tr", {},
    el("td", {}, name),
    el("td", { class: "figure" }, el("span", { class: waiting ? "tag warn" : "" }, String(waiting)), callbacks ? ` + ${callbacks}` : ""),
    el("td", { class: "figure" }, longest),
    el("td", { class: "figure" }, String(idle)));
}

let refused = false; // a node without callbacks

async function lookAtCallbacks(page) {
  const { desk, api, words } = page;
  if (refused) return;
  let found;
  try {
    found = (await api.get("/v1/callbacks")).callbacks;
  } catch (error) {
    refused = error.status === 404 || error.status === 403;
    return;
  }
  const served = found.filter(({ queue }) => desk.agent.queues.includes(queue));
  $("callbacks").hidden = !served.length;
  const told = served.map(({ id, name, number, queue, state, not_before: due, attempts }) => ({ id, name, number, queue, state, due, attempts }));
  fill($("callbacks").querySelector("ul"), [told, words.language], () => told.map((callback) => callbackRow(callback, page)));
}

function callbackRow({ id, name, number, queue, state, due, attempts }, page) {
  const { words } = page;
  const key = `callbacks.${state}`;
  const who = [name, number].filter(Boolean).join(" · ");
  return el("li", {},
    el("span", {}, who),
    el("span", { class: "tag" }, words.knows(key) ? words.say(key) : state),
    el("span", { class: "quiet small" }, [queue, due && timeOfDay(due), attempts ? `${attempts}×` : ""].filter(Boolean).join(" · ")),
    CLAIMABLE.has(state) && el("button", {
      type: "button",
      class: "slim",
      "aria-label": words.say("callbacks.claim_of", { name: who }),
      onclick: ({ currentTarget }) => claim(id, currentTarget, page),
    }, words.say("callbacks.claim")));
}

/** The agent calls this customer next, whoever's turn it was. */
async function claim(id, button, page) {
  button.disabled = true;
  const claimed = page.api.send("POST", `/v1/callbacks/${encodeURIComponent(id)}/claim`, { agent: page.desk.agent.id });
  await page.attempt(claimed);
  button.disabled = false;
  lookAtCallbacks(page);
}

function kept() {
  try {
    const { day, calls } = JSON.parse(sessionStorage.getItem(HISTORY)) ?? {};
    return day === new Date().toDateString() ? calls : [];
  } catch {
    return [];
  }
}

function keep(calls) {
  const newest = calls.toSorted((a, b) => b.at.localeCompare(a.at)).slice(0, MOST);
  sessionStorage.setItem(HISTORY, JSON.stringify({ day: new Date().toDateString(), calls: newest }));
}

function remember(call, words) {
  const at = call.answered_at ?? call.started_at;
  const seconds = (now() - Date.parse(at)) / 1000;
  const others = kept().filter(({ id }) => id !== call.id);
  keep([{ id: call.id, at, who: who(call, words.say), queue: call.queue, seconds, missed: false }, ...others]);
  showHistory(words);
}

/** The calls of today that this tab hasn't seen: before the login, or on another machine. */
async function recall(desk, api, words) {
  const since = new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  const query = new URLSearchParams({ live: "false", agent: desk.agent.id, since, limit: String(MOST) });
  const { calls } = await api.get(`/v1/calls?${query}`).catch(() => ({ calls: [] }));
  const seen = new Set(kept().map(({ id }) => id));
  const unseen = calls.filter(({ id }) => !seen.has(id)).map((call) => ({
    id: call.id,
    at: call.answered_at ?? call.started_at,
    who: call.ani || words.say("offer.anonymous"),
    queue: "",
    seconds: call.duration_s ?? 0,
    missed: call.result !== "answered",
  }));
  if (!unseen.length) return;
  keep([...kept(), ...unseen]);
  showHistory(words);
}

function showHistory(words) {
  const calls = kept();
  $("history-empty").hidden = calls.length > 0;
  fill($("history"), [calls, words.language], () => calls.map((call) => el("li", {},
    el("span", {}, call.who),
    el("span", { class: "number" }, call.missed ? words.say("history.missed") : duration(call.seconds)),
    el("span", { class: "quiet small" }, [timeOfDay(call.at), call.queue].filter(Boolean).join(" · ")))));
}
