// The supervisor's wallboard: logs in, follows /v1/live, and shows everything again whenever something has changed.
import { $, say } from "/web/common/dom.js";
import { Api } from "/web/common/api.js";
import { start as startClock } from "/web/common/clock.js";
import { LoginPage, forget, kept } from "/web/common/login.js";
import { attempt, toast } from "/web/common/toasts.js";
import { Words } from "/web/common/words.js";
import * as agents from "./agents.js";
import * as calls from "./calls.js";
import { Listening } from "./listening.js";
import { Live } from "./live.js";
import * as queues from "./queues.js";
import { CATALOGUE } from "./words.js";

const words = new Words(CATALOGUE);
const t = words.say;

words.offer($("language"));
inOurLanguage();
words.addEventListener("change", inOurLanguage);
startClock();
$("logout").addEventListener("click", () => leave());
const loginPage = new LoginPage(words, enter);
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
  loginPage.show(problem);
}

function enter(holder) {
  if (mayLook(holder)) return open(holder);
  forget();
  return t("login.role");
}

function open({ key }) {
  loginPage.hide();
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
