// Notes and the outcome of a call: during it, and in the wrap-up, which counts down.
import { $, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";
import { shown } from "./call.js";

const DRAFT = "ringback.notes";
const OUTCOMES = ["resolved", "call_again", "forwarded", "complaint", "order", "wrong_number", "no_answer"];
const EXTENSION_S = 30;

let was = "";
let saved = "";

export function setUp({ desk, attempt, words }) {
  $("dispositions").replaceChildren(...OUTCOMES.map((outcome) => new Option(outcome)));
  restore();
  for (const id of ["note", "disposition"]) $(id).addEventListener("input", keepDraft);
  $("extend").addEventListener("click", () => attempt(desk.ask({ type: "wrap_up", extend_s: EXTENSION_S })));
  $("save").addEventListener("click", () => save(desk, attempt, words.say));
  $("done").addEventListener("click", async () => {
    if (await attempt(desk.ask({ type: "wrap_up", ...written(), end: true }))) clear();
  });
}

export function show({ desk, attempt, words }) {
  const { state, wrap_up_until: until } = desk.agent;
  const wrapping = state === "wrap_up";
  // The time ran out: what was written is kept all the same.
  if (was === "wrap_up" && !wrapping && unsaved()) attempt(desk.ask({ type: "wrap_up", ...written() })).then(clear);
  else if (was === "wrap_up" && !wrapping) clear();
  was = state;
  $("notes").hidden = !wrapping && !shown(desk);
  $("wrap-left").hidden = $("extend").hidden = $("done").hidden = !wrapping;
  $("save").hidden = wrapping;
  count($("wrap-left").querySelector("time"), { until });
  $("notes").classList.toggle("ring", wrapping);
  if (!wrapping) return;
  say($("saved"), "");
}

async function save(desk, attempt, t) {
  if (!unsaved()) return;
  const text = JSON.stringify(written());
  if (await attempt(desk.ask({ type: "wrap_up", ...written() }))) {
    saved = text;
    say($("saved"), t("notes.saved"));
  }
}

function written() {
  const [notes, disposition] = [$("note").value.trim(), $("disposition").value.trim()];
  return { ...(notes && { notes }), ...(disposition && { disposition }) };
}

function unsaved() {
  const text = JSON.stringify(written());
  return text !== "{}" && text !== saved;
}

function clear() {
  $("note").value = $("disposition").value = saved = "";
  say($("saved"), "");
  sessionStorage.removeItem(DRAFT);
}

/** A reload loses no notes. */
function keepDraft() {
  say($("saved"), "");
  sessionStorage.setItem(DRAFT, JSON.stringify([$("note").value, $("disposition").value]));
}

function restore() {
  try {
    [$("note").value, $("disposition").value] = JSON.parse(sessionStorage.getItem(DRAFT)) ?? ["", ""];
  } catch {
    sessionStorage.removeItem(DRAFT);
  }
}
