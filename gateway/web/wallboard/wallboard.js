// The supervisor's wallboard: logs in, follows /v1/live, and shows everything again whenever something has changed.
import { $, el, say } from "/web/common/dom.js";
import { Api } from "/web/common/api.js";
import { start as startClock } from "/web/common/clock.js";
import { forget, kept, logIn } from "/web/common/login.js";
import { Words } from "/web/common/words.js";
import * as agents from "./agents.js";
import * as calls from "./calls.js";
import { Listening } from "./listening.js";
import { Live } from "./live.js";
import * as queues from "./queues.js";
import { CATALOGUE } from "./words.js";

const TOAST_MS = 8000;

const words = new Words(CATALOGUE);
const t = words.say;

words.offer($("login-language"));
words.offer($("language"));
inOurLanguage();
words.addEventListener("change", inOurLanguage);
startClock();
$("logout").addEventListener("click", () => leave());
const login = kept();
if (login && mayLook(login)) open(login);
else showLogin();

function inOurLanguage() {
  words.translate();
  document.title = t("title");
}

function mayLook({ role }) {
  return role === "supervisor" || role === "admin";
}

function showLogin(problem = "") {
  $("board").hidden = true;
  $("login").hidden = false;
  $("login-problem").hidden = !problem;
  say($("login-problem"), problem);
  $("login").querySelector("form").onsubmit = enter;
  $("key").focus();
}

async function enter(event) {
  event.preventDefault();
  try {
    const holder = await logIn($("key").value.trim());
    if (!mayLook(holder)) {
      forget();
      showLogin(t("login.role"));
      return;
    }
    $("key").value = "";
    open(holder);
  } catch (error) {
    showLogin(error.status === 401 ? t("login.wrong") : error.status ? error.message : t("login.unreachable"));
  }
}

function open({ key }) {
  $("login").hidden = true;
  $("board").hidden = false;
  const live = new Live(key);
  const listening = new Listening(key, (error) => toast(t("audio.failed", { reason: error.message })));
  const page = { t, api: new Api(key), attempt, device: () => listening.device() };
  const show = () => {
    say($("line"), t(live.connected ? "line.connected" : "line.lost"));
    $("line").className = `tag ${live.connected ? "good" : "warn"}`;
    queues.show(live, t);
    agents.show(live, page);
    calls.show(live, page);
  };
  live.addEventListener("change", show);
  words.addEventListener("change", show);
  live.addEventListener("refused", ({ detail }) => leave(detail.code === 4403 ? t("login.role") : t("login.wrong")));
  show();
}

function leave(problem = "") {
  forget();
  if (problem) showLogin(problem);
  else location.reload();
}

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
