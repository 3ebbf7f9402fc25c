// Notes and the outcome of a call: during it, and in the wrap-up, which counts down.
import { $, fill, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";
import { shown } from "./call.js";

const DRAFT = "ringback.notes";
const EXTENSION_S = 30;

let was = "";
let saved = "";
let about = ""; // the queue of the present or last call
let asked = "";
let codes = []; // what that call may have come to; none: in the agent's own words

export function setUp({ desk, attempt, words }) {
  restore();
  for (const id of ["note", "disposition", "own-disposition"]) $(id).addEventListener("input", keepDraft);
  $("extend").addEventListener("click", () => attempt(desk.ask({ type: "wrap_up", extend_s: EXTENSION_S })));
  $("save").addEventListener("click", () => save(desk, attempt, words.say));
  $("done").addEventListener("click", async () => {
    if (await attempt(desk.ask({ type: "wrap_up", ...written(), end: true }))) clear();
  });
}

export function show({ desk, api, attempt, words }) {
  const { state, wrap_up_until: until } = desk.agent;
  const wrapping = state === "wrap_up";
  // The time ran out: what was written is kept all the same.
  if (was === "wrap_up" && !wrapping && unsaved()) attempt(desk.ask({ type: "wrap_up", ...written() })).then(clear);
  else if (was === "wrap_up" && !wrapping) clear();
  was = state;
  const call = shown(desk);
  if (call) about = call.queue;
  $("notes").hidden = !wrapping && !call;
  if (!$("notes").hidden) lookUpCodes(desk, api, call, words);
  offerCodes(words);
  $("wrap-left").hidden = $("extend").hidden = $("done").hidden = !wrapping;
  $("save").hidden = wrapping;
  count($("wrap-left").querySelector("time"), { until });
  $("notes").classList.toggle("ring", wrapping);
  if (!wrapping) return;
  say($("saved"), "");
}

/** The codes are the plan's, which may be another one for the next call. */
async function lookUpCodes(desk, api, call, words) {
  const queues = about ? [about] : desk.agent.queues;
  const wanted = [call?.id ?? "", ...queues].join("\n");
  if (wanted === asked) return;
  asked = wanted;
  const found = await Promise.all(queues.map((name) => api.get(`/v1/queues/${encodeURIComponent(name)}`).catch(() => null)));
  if (wanted !== asked) return;
  const lists = found.map((queue) => queue?.rules?.dispositions ?? []);
  codes = lists.every((list) => list.length) ? [...new Set(lists.flat())] : [];
  offerCodes(words);
}

function offerCodes(words) {
  const chosen = $("disposition").value || kept()[1];
  $("disposition").hidden = !codes.length;
  $("own-disposition").hidden = codes.length > 0;
  fill($("disposition"), [codes, words.language], () => [
    new Option(words.say("notes.choose"), ""),
    ...codes.map((code) => new Option(words.knows(`outcome.${code}`) ? words.say(`outcome.${code}`) : code, code)),
  ]);
  $("disposition").value = codes.includes(chosen) ? chosen : "";
}

async function save(desk, attempt, t) {
  if (!unsaved()) return;
  const text = JSON.stringify(written());
  if (await attempt(desk.ask({ type: "wrap_up", ...written() }))) {
    saved = text;
    say($("saved"), t("notes.saved"));
  }
}

function outcome() {
  return codes.length ? $("disposition").value : $("own-disposition").value.trim();
}

function written() {
  const [notes, disposition] = [$("note").value.trim(), outcome()];
  return { ...(notes && { notes }), ...(disposition && { disposition }) };
}

function unsaved() {
  const text = JSON.stringify(written());
  return text !== "{}" && text !== saved;
}

function clear() {
  $("note").value = $("disposition").value = $("own-disposition").value = saved = "";
  say($("saved"), "");
  sessionStorage.removeItem(DRAFT);
}

/** A reload loses no notes. */
function keepDraft() {
  say($("saved"), "");
  sessionStorage.setItem(DRAFT, JSON.stringify([$("note").value, outcome(), about]));
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT)) ?? ["", "", ""];
  } catch {
    return ["", "", ""];
  }
}

function restore() {
  [$("note").value, $("own-disposition").value, about] = kept();
}
