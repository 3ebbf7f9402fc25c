// Presence and breaks, and what the agent's state is.
import { $, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";

const BREAKS = ["lunch", "pause", "training", "meeting", "paperwork"];

export function setUp({ desk, attempt, logOut }) {
  $("available").addEventListener("click", () => attempt(desk.ask({ type: "presence", presence: "available" })));
  $("break").addEventListener("change", (event) => {
    const reason = event.target.value;
    if (reason) attempt(desk.ask({ type: "presence", presence: "on_break", reason }));
  });
  $("logout").addEventListener("click", async () => {
    await attempt(desk.ask({ type: "presence", presence: "logged_out" }));
    logOut();
  });
}

/** The choice of breaks, in the page's language. */
export function offerBreaks(t) {
  const chosen = $("break").value;
  $("break").replaceChildren(
    new Option(t("break.choose"), ""),
    ...BREAKS.map((reason) => new Option(t(`break.${reason}`), reason)),
  );
  $("break").value = chosen;
}

export function show({ desk, words, audio }) {
  const { agent } = desk;
  const t = words.say;
  const reason = words.knows(`break.${agent.reason}`) ? t(`break.${agent.reason}`) : agent.reason;
  $("available").setAttribute("aria-pressed", String(agent.presence === "available"));
  showBreak(agent, reason);
  $("break").classList.toggle("busy", agent.presence === "on_break");
  const resting = agent.state === "idle" && agent.presence !== "available";
  const state = resting ? agent.presence : agent.state;
  say($("state"), t(`state.${state}`) + (state === "on_break" && reason ? ` · ${reason}` : ""));
  $("status").dataset.tone = { idle: "good", on_break: "warn", logged_out: "" }[state] ?? "busy";
  count($("state-time"), { since: agent.since });
  say($("state-hint"), hint(agent, audio, t));
}

function showBreak(agent, reason) {
  const wanted = agent.presence === "on_break" ? agent.reason : "";
  const options = [...$("break").options];
  if (wanted && !options.some((option) => option.value === wanted)) $("break").append(new Option(reason, wanted));
  if (document.activeElement !== $("break") || wanted) $("break").value = wanted;
}

function hint(agent, audio, t) {
  if (agent.presence === "on_break" && agent.reason === "rona") return t("hint.rona");
  if (agent.presence !== "available" && !["idle", "wrap_up"].includes(agent.state)) {
    return t("hint.after", { presence: t(`state.${agent.presence}`) });
  }
  const deaf = !agent.reachable || (!agent.phone && audio.state !== "connected");
  return agent.presence === "available" && agent.state === "idle" && deaf ? t("hint.unreachable") : "";
}
