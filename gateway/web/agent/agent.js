// The agent desktop: logs in, puts the parts together, and shows everything again whenever something has changed.
import { $, say } from "/web/common/dom.js";
import { Api } from "/web/common/api.js";
import { start as startClock } from "/web/common/clock.js";
import { LoginPage, forget, kept } from "/web/common/login.js";
import { attempt, toast } from "/web/common/toasts.js";
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

words.offer($("language"));
inOurLanguage();
words.addEventListener("change", inOurLanguage);
startClock();
const loginPage = new LoginPage(words, enter, { standIn: true });
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
  loginPage.show(problem);
}

/** With the key of whoever isn't an agent we have to know for whom. */
function enter(fresh) {
  ringer.unlock();
  if (fresh.agent) return open(fresh);
  forget();
  return loginPage.askForAgent();
}

// ---- the desktop

function open(holder) {
  loginPage.hide();
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
  const waiting = offered && !offered.connecting ? offered.id : !offered && offer.asked(audio) ? audio.call.id : "";
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

// ---- the keyboard

function setUpShortcuts() {
  addEventListener("keydown", (event) => {
    const button = event.altKey && !event.ctrlKey && !event.metaKey && $(SHORTCUTS[event.key.toLowerCase()]);
    if (!button || button.disabled || button.closest("[hidden]")) return;
    event.preventDefault();
    button.click();
  });
}
