// Where a call can go: another agent, a queue, a number or a flow; at once, or after asking.
import { $ } from "/web/common/dom.js";
import { shown } from "./call.js";

const KINDS = ["agent", "queue", "number", "flow"];
const TO_ASK = new Set(["agent", "number"]); // a queue and a flow have nobody who could be asked

export function setUp({ desk, api, attempt }) {
  $("transfer").addEventListener("click", () => {
    const opened = $("target").hidden;
    $("target").hidden = !opened;
    $("transfer").setAttribute("aria-expanded", String(opened));
    if (opened) {
      $("target-kind").focus();
      suggest(desk, api);
    }
  });
  $("target-kind").addEventListener("change", () => {
    $("target-name").value = "";
    suggest(desk, api);
  });
  $("target").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("target").hidden = true;
    $("transfer").setAttribute("aria-expanded", "false");
    $("transfer").focus();
  });
  $("target").addEventListener("submit", async (event) => {
    event.preventDefault();
    const call = shown(desk);
    const to = { kind: $("target-kind").value, name: $("target-name").value.trim() };
    const type = event.submitter?.value === "consult" ? "consult" : "transfer";
    if (!call || !to.name) return;
    if (await attempt(desk.ask({ type, call: call.id, to }))) {
      $("target").hidden = true;
      $("target-name").value = "";
    }
  });
}

export function offerKinds(t) {
  const chosen = $("target-kind").value;
  $("target-kind").replaceChildren(...KINDS.map((kind) => new Option(t(`transfer.${kind}`), kind)));
  $("target-kind").value = chosen || KINDS[0];
}

async function suggest(desk, api) {
  const kind = $("target-kind").value;
  $("consult").disabled = !TO_ASK.has(kind);
  $("target-name").inputMode = kind === "number" ? "tel" : "text";
  let options = [];
  if (kind === "agent") {
    const { agents } = await api.get("/v1/agents").catch(() => ({ agents: [] }));
    options = agents
      .filter(({ id, presence }) => id !== desk.agent.id && presence !== "logged_out")
      .map(({ id, name, state }) => new Option(`${name} (${state})`, id));
  } else if (kind === "queue") {
    const { queues } = await api.get("/v1/queues").catch(() => ({ queues: [] }));
    options = queues.map(({ name, waiting }) => new Option(`${name} (${waiting})`, name));
  }
  $("target-names").replaceChildren(...options);
}
