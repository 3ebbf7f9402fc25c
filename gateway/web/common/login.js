// Who has logged in. The key stays in this tab (sessionStorage): a reload keeps it, closing the tab forgets it.
import { Api } from "./api.js";
import { $, el, say } from "./dom.js";

const KEPT = "ringback.login";

/** What is kept of this tab's login: {key, name, role, agent}; null when there is none. */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}

/** Finds out whose key it is, and keeps it. `agent`: for whom, when it isn't their own. Raises ApiError. */
async function logIn(key, agent) {
  const { name, role } = await new Api(key).get("/v1/me");
  const login = { key, name, role, agent: role === "agent" ? name : agent };
  sessionStorage.setItem(KEPT, JSON.stringify(login));
  return login;
}

/**
 * The page that asks for a key, in the element #login. `open(login)` shows what the key opens, and returns what is
 * wrong with it, if anything. `standIn`: a supervisor may say for which agent.
 */
export class LoginPage {
  #words;
  #open;
  #problem = el("p", { id: "login-problem", class: "notice bad", role: "alert", hidden: true });
  #key = el("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  #agent = el("input", { id: "for-agent", autocomplete: "off", maxlength: "128" });
  #standIn;

  constructor(words, open, { standIn = false } = {}) {
    [this.#words, this.#open] = [words, open];
    this.#standIn = el("label", { id: "stand-in", hidden: true }, el("span", { "data-t": "login.agent" }), this.#agent);
    const language = el("select", { id: "login-language" });
    words.offer(language);
    $("login").append(el("form", { class: "card", onsubmit: (event) => this.#enter(event) },
      el("h1", { "data-t": "login.title" }),
      el("label", {}, el("span", { "data-t": "login.key" }), this.#key),
      standIn && this.#standIn,
      standIn && el("p", { class: "quiet small", "data-t": "login.hint" }),
      this.#problem,
      el("button", { class: "main", "data-t": "login.button" }),
      el("label", {}, el("span", { "data-t": "language" }), language)));
    words.translate($("login"));
  }

  show(problem = "") {
    $("login").hidden = false;
    this.#complain(problem);
    this.#key.focus();
  }

  hide() {
    $("login").hidden = true;
    this.#key.value = "";
  }

  /** Asks whom a key that isn't an agent's is to stand in for. */
  askForAgent() {
    this.#standIn.hidden = false;
    this.#agent.focus();
  }

  async #enter(event) {
    event.preventDefault();
    const t = this.#words.say;
    try {
      const problem = this.#open(await logIn(this.#key.value.trim(), this.#agent.value.trim()));
      if (problem !== undefined) this.#complain(problem);
    } catch (error) {
      this.#complain(error.status === 401 ? t("login.wrong") : error.status ? error.message : t("login.unreachable"));
    }
  }

  #complain(problem) {
    this.#problem.hidden = !problem;
    say(this.#problem, problem);
  }
}
