// A sample: a customer who is logged in talks to somebody, who knows already what it is about.
import { RingbackCall } from "/web/ringback.js";

const $ = (id) => document.getElementById(id);
const WORDS = {
  connecting: "Connecting …",
  ringing: "Ringing …",
  answered: "Connected",
  reconnecting: "Reconnecting …",
  ended: "Call ended",
};
let call = null;

$("enter").addEventListener("click", () => {
  $("login").hidden = true;
  $("account").hidden = false;
});
$("talk").addEventListener("click", talk);
$("hangup").addEventListener("click", () => call?.hangup());

async function talk() {
  $("talk").disabled = true;
  try {
    // The app asks its own server, which knows who is logged in; only that server has a key of the gateway's.
    const response = await fetch("talk", { method: "POST" });
    if (!response.ok) throw new Error(`the app's server said ${response.status}`);
    const { token, pin } = await response.json();
    $("pin").hidden = false;
    $("pin").querySelector("strong").textContent = pin;
    const to = new URLSearchParams(location.search).get("to") ?? "+4930555110";
    call = new RingbackCall({ url: "/v1/voice", token: async () => token, to });
    call.addEventListener("state", ({ detail }) => show(detail.state));
    await call.start();
  } catch (error) {
    show("ended");
    $("status").textContent = String(error.message ?? error);
  }
}

function show(state) {
  $("status").textContent = WORDS[state] ?? state;
  $("hangup").hidden = state === "ended";
  $("talk").disabled = state !== "ended";
}
