// The agent desktop: logs in, puts the parts together, and shows everything again whenever something has changed.
import { $, say, el } from "/web/common/dom.js";
import { Api } from "/web/common/api.js";
import { start as startClock } from "/web/common/clock.js";
import { forget, kept, logIn } from "/web/common/login.js";
import { Words } from "/web/common/words.js";
import { BrowserAudio } from "./audio.js";
import * as call from "./call.js";
import { Desk } from "./desk.js";
import { Devices, audioProblem } from "./devices.js";
import * as lists from "./lists.js";
import * as notes from "./notes.js";
import * as offer from "./offer.js";
import * as presence from "./presence.js";
import { Ringer } from "./ringer.js";
import { Tabs } from "./tabs.js";
import * as transfer from "./transfer.js";
import { CATALOGUE } from "./words.js";

const TOAST_MS = 8000;
/** What is worth saying of an offer that is over, by its outcome. */
const ENDED = {
  no_answer: "offer.missed",
  busy: "offer.missed",
  unreachable: "offer.missed",
  disconnected: "offer.missed",
  caller_gone: "offer.caller_gone",
  accepted_elsewhere: "offer.elsewhere",
};
const SHORTCUTS = { a: "accept", d: "decline", h: "hold", m: "mute", t: "transfer", k: "pad", x: "hangup" };

const words = new Words(CATALOGUE);
const ringer = new Ringer();
const t = words.say;

words.offer($("login-language"));
words.offer($("language"));
inOurLanguage();
words.addEventListener("change", inOurLanguage);
startClock();
const login = kept();
if (login?.agent) open(login);
else showLogin();

function inOurLanguage() {
  words.translate();
  presence.offerBreaks(t);
  transfer.offerKinds(t);
  document.title = t("title");
}

// ---- logging in

function showLogin(problem = "") {
  $("desk").hidden = true;
  $("login").hidden = false;
  complain(problem);
  $("key").focus();
  $("login").querySelector("form").onsubmit = enter;
}

function complain(problem) {
  $("login-problem").hidden = !problem;
  say($("login-problem"), problem);
}

async function enter(event) {
  event.preventDefault();
  ringer.unlock();
  try {
    const fresh = await logIn($("key").value.trim(), $("for-agent").value.trim());
    if (!fresh.agent) {
      forget();
      $("stand-in").hidden = false; // a supervisor's key stands in for somebody
      $("for-agent").focus();
      return;
    }
    $("key").value = "";
    open(fresh);
  } catch (error) {
    complain(error.status === 401 ? t("login.wrong") : error.status ? error.message : t("login.unreachable"));
  }
}

// ---- the desktop

function open(holder) {
  $("login").hidden = true;
  const desk = new Desk(holder);
  const audio = new BrowserAudio(holder.key);
  const api = new Api(holder.key);
  const devices = new Devices(holder.agent, audio, ringer, t);
  const tabs = new Tabs(holder.agent);
  const own = holder.name === holder.agent; // who stands in for an agent isn't rung in their place
  const page = { desk, audio, api, devices, words, tabs, attempt, logOut: () => leave(page) };
  addEventListener("pointerdown", () => ringer.unlock(), { once: true });
  for (const part of [presence, offer, call, transfer, notes]) part.setUp(page);
  const lookAtLists = lists.setUp(page);
  setUpShortcuts();

  const listen = () => own && desk.agent && hear(page);
  desk.addEventListener("change", () => show(page));
  audio.addEventListener("change", () => show(page));
  words.addEventListener("change", () => show(page));
  desk.addEventListener("change", () => { listen(); lookAtLists(); }, { once: true });
  desk.addEventListener("offerended", ({ detail }) => {
    const said = ENDED[detail.outcome];
    if (said) toast(t(said));
  });
  desk.addEventListener("refused", ({ detail }) => refused(page, detail));
  devices.addEventListener("change", listen);
  tabs.addEventListener("lead", () => { listen(); show(page); });
  tabs.addEventListener("follow", () => { audio.close(); show(page); });
  audio.addEventListener("session", ({ detail }) => tabs.share(detail));
  $("lead").addEventListener("click", () => { ringer.unlock(); tabs.take(); });
  ringer.useDevice(devices.chosen.ringer ?? "");
  tabs.start();
  desk.connect();
  globalThis.desk = desk; // for the curious, in the console
}

/** Connects this browser's audio when it is wanted and this tab leads, and only then. */
function hear({ audio, devices, tabs, desk }) {
  devices.knowPhone(desk.agent.phone);
  if (tabs.leads && devices.inBrowser) audio.open(devices.chosen, tabs.shared ?? undefined);
  else if (audio.state !== "off") audio.close();
}

function show(page) {
  const { desk, audio, devices, tabs } = page;
  if (!desk.agent) return;
  $("desk").hidden = false;
  say($("who"), desk.agent.name || desk.agent.id);
  const connected = desk.connected && (!devices.inBrowser || !tabs.leads || audio.state !== "connecting");
  say($("line"), t(connected ? "line.connected" : "line.lost"));
  $("line").className = `tag ${connected ? "good" : "warn"}`;
  $("second").hidden = tabs.leads;
  for (const part of [presence, offer, call, notes]) part.show(page);
  ring(page);
  complainOfAudio(audio);
}

let rung = "";

/** Rings while an offer waits for an answer: in the tab that leads. */
function ring({ desk, audio, tabs }) {
  const { offer: offered } = desk;
  const waiting = offered && !offered.connecting ? offered.id : !offered && audio.ringing ? audio.call.id : "";
  const wanted = tabs.leads ? waiting : "";
  if (wanted === rung) return;
  rung = wanted;
  if (!wanted) {
    ringer.stop();
    document.title = t("title");
    return;
  }
  const from = offered ? offer.caller(offered, t) : audio.call.from?.name ?? "";
  const title = t("offer.notification", { from });
  document.title = `☎ ${title}`;
  ringer.start(title, offered?.queue ?? "");
  $("accept").focus();
}

let complained = null;

function complainOfAudio({ problem }) {
  if (problem && problem !== complained) toast(audioProblem(problem, t));
  complained = problem;
}

function refused(page, { code, reason }) {
  const problem = { 4401: t("login.wrong"), 4404: t("login.nobody") }[code] ?? reason;
  leave(page, problem);
}

function leave({ desk, audio, tabs }, problem = "") {
  desk.close();
  audio.close();
  tabs.stop();
  forget();
  if (problem) showLogin(problem);
  else location.reload();
}

// ---- small things

/** Says what went wrong; resolves to whether it went right. */
async function attempt(promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

function toast(text) {
  const shown = el("p", { class: "toast" }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), TOAST_MS);
}

function setUpShortcuts() {
  addEventListener("keydown", (event) => {
    const button = event.altKey && !event.ctrlKey && !event.metaKey && $(SHORTCUTS[event.key.toLowerCase()]);
    if (!button || button.disabled || button.closest("[hidden]")) return;
    event.preventDefault();
    button.click();
  });
}
