// Who waits, and can be moved; who talks, and can be listened to.
import { $, el, say } from "/web/common/dom.js";
import { count } from "/web/common/clock.js";
import { showRows } from "/web/common/rows.js";

const MODES = ["listen", "whisper", "join", "stop"];
const TALKING = new Set(["talking", "held", "ringing", "unattended", "consulting", "alternated", "conference"]);

export function show(live, page) {
  const waiting = [...live.entries.values()]
    .filter(({ position }) => position !== null)
    .sort((a, b) => a.queue.localeCompare(b.queue) || a.position - b.position);
  const queues = [...live.queues.keys()].sort();
  showRows($("waiting").tBodies[0], waiting, ({ id }) => id, (entry) => makeEntry(entry, queues, page));
  $("waiting").hidden = !waiting.length;
  $("nobody").hidden = waiting.length > 0;
  const calls = [...live.calls.values()].sort((a, b) => a.started_at.localeCompare(b.started_at));
  showRows($("calls").tBodies[0], calls, ({ id }) => id, (call) => makeCall(call, page));
  $("calls").hidden = !calls.length;
  $("quiet").hidden = calls.length > 0;
}

function named({ name, number, ani }, t) {
  return [name, number ?? ani].filter(Boolean).join(" · ") || t("withheld");
}

function makeEntry({ id }, queues, { t, api, attempt }) {
  const [who, queue, since] = [el("td"), el("td"), el("time")];
  const choice = el("select", {
    onchange: async () => {
      const to = choice.value;
      choice.value = "";
      const path = `/v1/queues/${encodeURIComponent(row.item.queue)}/entries/${encodeURIComponent(id)}`;
      if (to) await attempt(api.send("PATCH", path, { queue: to }));
    },
  });
  const row = el("tr", {}, who, queue, el("td", { class: "figure" }, since), el("td", {}, choice));
  row.update = (entry) => {
    row.item = entry;
    say(who, named(entry, t));
    say(queue, `${entry.queue} · ${entry.position}${entry.callback ? ` (${t("callback")})` : ""}`);
    count(since, { since: entry.enqueued_at });
    choice.setAttribute("aria-label", t("move.of", { name: named(entry, t) }));
    const others = queues.filter((name) => name !== entry.queue);
    const wanted = [t("move.choose"), ...others].join("\n");
    if (choice.wanted === wanted) return;
    choice.wanted = wanted;
    choice.replaceChildren(new Option(t("move.choose"), ""), ...others.map((name) => new Option(name)));
  };
  return row;
}

function makeCall({ id }, { t, api, attempt, device }) {
  const [who, agent, since, tag] = [el("td"), el("td"), el("time"), el("span")];
  const buttons = MODES.map((mode) => el("button", {
    type: "button",
    onclick: () => {
      const phone = device();
      if (mode !== "stop" && phone === "") return attempt(Promise.reject(new Error(t("device.missing"))));
      const body = mode === "stop" || phone === null ? { mode } : { mode, device: phone };
      return attempt(api.send("POST", `/v1/calls/${encodeURIComponent(id)}/supervise`, body));
    },
  }));
  const actions = el("td", {}, el("div", { class: "row" }, ...buttons));
  const row = el("tr", {}, who, el("td", {}, tag), agent, el("td", { class: "figure" }, since), actions);
  row.update = (call) => {
    say(who, named(call, t));
    say(tag, t(`call.${call.state}`));
    tag.className = `tag ${{ queue: "warn", talking: "good", held: "warn", conference: "busy" }[call.state] ?? ""}`;
    say(agent, [...call.agents, ...call.supervisors.map((name) => `(${name})`)].join(", "));
    count(since, { since: call.started_at });
    buttons.forEach((button, at) => {
      say(button, t(`supervise.${MODES[at]}`));
      button.hidden = !TALKING.has(call.state) || (MODES[at] === "stop" && !call.supervisors.length);
    });
  };
  return row;
}
