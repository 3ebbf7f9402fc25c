// A sample of an app that calls: everything it knows of the gateway comes from RingbackCall's events.
import { RingbackCall } from "/web/ringback.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const options = {
  url: "/v1/voice",
  token: fetchToken,
  to: query.get("to") ?? "100",
  context: { page: "sample" },
  iceTransportPolicy: query.get("relay") ? "relay" : "all",
};
const STATES = {
  connecting: "Connecting …",
  ringing: "Ringing …",
  answered: "Connected",
  reconnecting: "Reconnecting …",
  ended: "Call ended",
};
const REASONS = {
  microphone_denied: "Please allow the microphone, then call again.",
  microphone: "No microphone was found.",
  unreachable: "We can't be reached at the moment. Please try again.",
  user_busy: "All lines are busy. Please try again in a moment.",
  switching_equipment_congestion: "All lines are busy. Please try again in a moment.",
  unallocated_number: "This service isn't available.",
};

globalThis.sample = options; // for the curious, in the console: what the next call brings with it

/** @type {RingbackCall | null} */
let call = null;
let offer = null;
let ticking = 0;
let began = 0;
let typed = "";
let gathers = false;
let secret = false;

for (const key of "123456789*0#") {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = key;
  button.addEventListener("click", () => press(key));
  $("keys").append(button);
}
$("call").addEventListener("click", () => begin(new RingbackCall(options)));
$("hangup").addEventListener("click", () => call?.hangup());
$("mute").addEventListener("click", () => call?.mute(!call.muted));
$("pad").addEventListener("click", () => showKeypad($("keypad").hidden));
$("callback").addEventListener("click", () => offer && call?.press(offer.keys));
addEventListener("keydown", (event) => {
  if (call && !event.ctrlKey && !event.metaKey && /^[0-9*#]$/.test(event.key)) press(event.key);
});

const restored = RingbackCall.restore(options);
if (restored) follow(restored);

async function fetchToken() {
  const response = await fetch("token", { method: "POST" });
  if (!response.ok) throw new Error(`no token (${response.status})`);
  return (await response.json()).token;
}

async function begin(fresh) {
  follow(fresh);
  try {
    await fresh.start();
  } catch {
    // `ended` has told already
  }
}

function follow(fresh) {
  call = fresh;
  globalThis.call = fresh; // for the curious, in the console
  typed = "";
  say("problem", "");
  say("promise", "");
  fresh.addEventListener("state", ({ detail }) => showState(detail.state));
  fresh.addEventListener("prompt", ({ detail }) => showPrompt(detail));
  fresh.addEventListener("queue", ({ detail }) => showQueue(detail));
  fresh.addEventListener("callbackoffer", ({ detail }) => showOffer(detail));
  fresh.addEventListener("callbackpromised", ({ detail }) => showPromise(detail));
  fresh.addEventListener("agent", ({ detail }) => showAgent(detail.name));
  fresh.addEventListener("mute", ({ detail }) => $("mute").setAttribute("aria-pressed", String(detail.on)));
  fresh.addEventListener("ended", ({ detail }) => showEnd(detail));
  showState(fresh.state);
}

function showState(state) {
  document.body.dataset.state = state;
  const live = state !== "ended" && state !== "new";
  say("status", STATES[state] ?? "");
  $("call").hidden = live;
  for (const id of ["hangup", "mute", "pad"]) $(id).hidden = !live;
  if (state === "answered" && !ticking) {
    began = Date.now();
    ticking = setInterval(tick, 1000);
    tick();
  }
}

function tick() {
  const seconds = Math.floor((Date.now() - began) / 1000);
  say("clock", `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
}

function showPrompt(prompt) {
  $("menu").hidden = !prompt.text && !prompt.choices.length;
  $("prompt").textContent = prompt.text;
  $("prompt").lang = prompt.language ?? "";
  $("choices").replaceChildren(...prompt.choices.map(choiceButton));
  secret = Boolean(prompt.secret);
  if (Boolean(prompt.gathers) !== gathers) {
    gathers = Boolean(prompt.gathers);
    showKeypad(gathers);
  }
  typed = "";
  showTyped();
}

function choiceButton({ keys, label }) {
  const button = document.createElement("button");
  button.type = "button";
  const key = document.createElement("b");
  key.textContent = keys;
  button.append(key, label || `Press ${keys}`);
  button.addEventListener("click", () => press(keys));
  return button;
}

function showQueue(place) {
  $("queue").hidden = place.queue === null;
  if (place.queue === null) return;
  say("position", place.position ? (place.position === 1 ? "You are next." : `You are number ${place.position}.`) : "Please hold.");
  say("estimate", place.estimate_s ? `About ${minutes(place.estimate_s)} to go.` : "");
}

function minutes([least, most]) {
  const [from, to] = [Math.max(1, Math.round(least / 60)), Math.max(1, Math.ceil(most / 60))];
  return from === to ? `${to} minute${to === 1 ? "" : "s"}` : `${from} to ${to} minutes`;
}

function showOffer(detail) {
  offer = detail.queue === null ? null : detail;
  $("callback").hidden = !offer;
  if (offer) {
    $("queue").hidden = false;
    $("callback").textContent = offer.number ? `Call me back at ${offer.number}` : "Call me back instead";
  }
}

function showPromise(promise) {
  say("promise", `We will call you back${promise.number ? ` at ${promise.number}` : ""}. You keep your place.`);
  $("callback").hidden = true;
}

function showAgent(name) {
  if (name) say("status", `Connected with ${name}`);
}

function showEnd(detail) {
  clearInterval(ticking);
  ticking = 0;
  call = null;
  offer = null;
  for (const id of ["menu", "queue", "keypad", "clock"]) $(id).hidden = true;
  const normal = ["normal_clearing", "session_gone"].includes(detail.reason); // gone: ended while the page was away
  say("problem", normal ? "" : REASONS[detail.reason] ?? `The call has ended: ${detail.text || detail.reason}`);
  $("mute").setAttribute("aria-pressed", "false");
}

function showKeypad(shown) {
  $("keypad").hidden = !shown;
  $("pad").setAttribute("aria-pressed", String(shown));
}

function press(keys) {
  call?.press(keys);
  typed = (typed + (secret ? "•".repeat(keys.length) : keys)).slice(-20);
  showTyped();
}

function showTyped() {
  $("typed").textContent = typed;
}

function say(id, text) {
  $(id).textContent = text;
  if (["problem", "promise", "clock"].includes(id)) $(id).hidden = !text;
}
