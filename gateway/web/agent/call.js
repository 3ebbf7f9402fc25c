// The call that the agent is in: who takes part, and everything that can be done with it.
import { $, el, fill, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";
import { screenPop } from "./screenpop.js";

const CONSULTING = new Set(["ringing", "consulting", "alternated", "conference"]);
const ANSWERED = new Set(["consulting", "alternated"]);

let chosen = ""; // which of several calls

/** The call that is shown; null when there is none. */
export function shown(desk) {
  return desk.calls.get(chosen) ?? [...desk.calls.values()].at(-1) ?? null;
}

export function setUp({ desk, attempt }) {
  const ask = (command) => {
    const call = shown(desk);
    if (call) attempt(desk.ask({ call: call.id, ...command }));
  };
  $("hold").addEventListener("click", () => ask({ type: shown(desk)?.state === "held" ? "resume" : "hold" }));
  $("mute").addEventListener("click", () => ask({ type: "mute", muted: !mine(desk)?.muted }));
  $("hangup").addEventListener("click", () => ask({ type: "hang_up" }));
  for (const type of ["complete", "alternate", "conference", "cancel"]) {
    $(type).addEventListener("click", () => ask({ type }));
  }
  const next = { off: "start", on: "pause", paused: "resume" };
  $("record").addEventListener("click", () => ask({ type: "record", action: next[shown(desk)?.recording] }));
  $("record-stop").addEventListener("click", () => ask({ type: "record", action: "stop" }));
  setUpKeypad(ask, desk);
}

export function show({ desk, words }) {
  const t = words.say;
  const call = shown(desk);
  $("call").hidden = !call;
  if (!call) {
    $("keypad").hidden = true;
    say($("pressed"), "");
    return;
  }
  $("call").dataset.state = call.state;
  say($("call-state"), t(`call.${call.state}`));
  say($("call-from"), who(call, t));
  say($("call-about"), call.queue ? t("call.from_queue", { queue: call.queue }) : t("call.direct"));
  count($("call-time"), { since: call.answered_at ?? call.started_at });
  fill($("parties"), [call.parties, words.language], () => call.parties.map((party) => partyOf(party, desk, t)));
  showControls(call, desk);
  showRecording(call, t);
  fill($("call").querySelector(".pop"), [call.context, words.language], () => screenPop(call.context, t));
  showChoice(desk, call, t);
}

/** Who is at the other end. */
export function who(call, t) {
  const number = call.direction === "inbound" ? call.ani : call.dnis;
  const name = call.context?.customer?.name ?? call.name;
  return [name, number].filter(Boolean).join(" · ") || t("offer.anonymous");
}

function mine(desk) {
  return shown(desk)?.parties.find((party) => party.agent === desk.agent.id);
}

function partyOf(party, desk, t) {
  const self = party.agent && party.agent === desk.agent.id;
  const name = self ? t("party.agent") : party.agent || party.name || party.number || t(`party.${party.party}`);
  const said = [t(`party.${party.state}`), party.muted && t("party.muted")].filter(Boolean).join(", ");
  const tone = party.muted || party.state === "held" ? "warn" : "busy";
  return el("li", { class: `tag ${tone}` }, `${name}: ${said}`);
}

function showControls(call, desk) {
  const { state } = call;
  const plain = state === "talking" || state === "held";
  $("hold").disabled = !plain;
  $("hold").setAttribute("aria-pressed", String(state === "held"));
  $("mute").setAttribute("aria-pressed", String(Boolean(mine(desk)?.muted)));
  $("transfer").disabled = !plain;
  if (!plain) $("target").hidden = true;
  $("transfer").setAttribute("aria-expanded", String(!$("target").hidden));
  $("consulting").hidden = !CONSULTING.has(state);
  $("alternate").disabled = $("conference").disabled = !ANSWERED.has(state);
}

function showRecording(call, t) {
  say($("recording"), t(`record.${call.recording}`));
  $("recording").className = `tag ${{ on: "bad", paused: "warn" }[call.recording] ?? ""}`;
  say($("record"), t({ off: "record.start", on: "record.pause", paused: "record.resume" }[call.recording]));
  $("record-stop").hidden = call.recording === "off";
}

function showChoice(desk, call, t) {
  const calls = [...desk.calls.values()];
  $("calls").hidden = calls.length < 2;
  fill($("calls"), [calls.map(({ id }) => id), call.id, t("call.choose")], () => calls.map((each) => el("button", {
    type: "button",
    "aria-pressed": each.id === call.id,
    onclick: () => {
      chosen = each.id;
      desk.dispatchEvent(new Event("change"));
    },
  }, who(each, t))));
}

function setUpKeypad(ask, desk) {
  const press = (keys) => {
    ask({ type: "press", keys });
    say($("pressed"), ($("pressed").textContent + keys).slice(-24));
  };
  $("keys").append(...[..."123456789*0#"].map((key) => el("button", { type: "button", onclick: () => press(key) }, key)));
  $("pad").addEventListener("click", () => {
    $("keypad").hidden = !$("keypad").hidden;
    $("pad").setAttribute("aria-expanded", String(!$("keypad").hidden));
    if (!$("keypad").hidden) $("keys").firstElementChild.focus();
  });
  $("keypad").addEventListener("keydown", (event) => {
    if (/^[0-9*#]$/.test(event.key) && shown(desk)) press(event.key);
  });
}
