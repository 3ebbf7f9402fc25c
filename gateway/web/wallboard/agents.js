// The agents: what they do, since when, and their presence, which a supervisor may set.
import { $, el, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";
import { showRows } from "/web/common/rows.js";

const PRESENCES = ["available", "on_break", "logged_out"];
const ORDER = ["ringing", "on_call", "wrap_up", "reserved", "idle", "on_break", "logged_out"];
const TONES = { idle: "good", ringing: "warn", on_call: "busy", reserved: "busy", wrap_up: "warn", on_break: "warn", unreachable: "bad" };

export function show(live, { t, api, attempt }) {
  const agents = [...live.agents.values()].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  showRows($("agents").tBodies[0], agents, ({ id }) => id, (agent) => makeRow(agent, t, api, attempt));
}

/** What is worth saying: the state of calls, or why there are none. */
function standing({ state, presence, reachable }) {
  if (state !== "idle") return state;
  if (presence !== "available") return presence;
  return reachable ? "idle" : "unreachable";
}

function rank(agent) {
  const at = ORDER.indexOf(standing(agent));
  return at < 0 ? ORDER.length : at;
}

function makeRow({ id }, t, api, attempt) {
  const name = el("td");
  const tag = el("span");
  const since = el("time");
  const calls = el("td", { class: "figure" });
  const choice = el("select", {
    onchange: async () => {
      const presence = choice.value;
      choice.value = "";
      if (presence) await attempt(api.send("PUT", `/v1/agents/${encodeURIComponent(id)}/presence`, { presence }));
    },
  });
  const row = el("tr", {}, name, el("td", {}, tag), el("td", { class: "figure" }, since), calls, el("td", {}, choice));
  row.update = (agent) => {
    const kind = standing(agent);
    say(name, agent.name || agent.id);
    const said = t(kind in TONES && kind !== "on_break" ? `state.${kind}` : `presence.${kind}`);
    say(tag, said + (kind === "on_break" && agent.reason ? ` · ${agent.reason}` : ""));
    tag.className = `tag ${TONES[kind] ?? ""}`;
    count(since, { since: agent.since });
    say(calls, String(agent.calls));
    choice.setAttribute("aria-label", t("force.of", { name: agent.name || agent.id }));
    offer(choice, t);
  };
  return row;
}

function offer(choice, t) {
  const label = t("force.choose");
  if (choice.options[0]?.text === label) return;
  choice.replaceChildren(new Option(label, ""), ...PRESENCES.map((presence) => new Option(t(`presence.${presence}`), presence)));
}
