// How an agent's things are now, as the gateway says it over /v1/agents/{id}/desktop, and what the agent asks for.
import { StateSocket } from "/web/common/socket.js";
import { synchronise } from "/web/common/clock.js";

/** Events: `change` (anything), `offer` {detail: offer}, `offerended` {detail}, `callended` {detail: call}, `refused`. */
export class Desk extends EventTarget {
  #socket;

  constructor({ key, agent }) {
    super();
    this.agent = null;
    this.offer = null;
    this.calls = new Map();
    this.connected = false;
    this.#socket = new StateSocket(`/v1/agents/${encodeURIComponent(agent)}/desktop`, "ringback.desktop.v1", key);
    this.#socket.addEventListener("message", ({ detail }) => this.#take(detail));
    this.#socket.addEventListener("lost", () => this.#changed({ connected: false }));
    this.#socket.addEventListener("refused", ({ detail }) => this.#emit("refused", detail));
  }

  connect() {
    this.#socket.connect();
  }

  close() {
    this.#socket.close();
  }

  /** Carries out a command; rejects with an Error that says why it can't be. */
  ask(command) {
    return this.#socket.ask(command, 15000);
  }

  #take(message) {
    switch (message.type) {
      case "hello": {
        synchronise(message.at);
        const calls = new Map(message.calls.map((call) => [call.id, call]));
        for (const [id, call] of this.calls) if (!calls.has(id)) this.#emit("callended", call);
        if (message.offer && message.offer.id !== this.offer?.id) this.#emit("offer", message.offer);
        return this.#changed({ connected: true, agent: message.agent, offer: message.offer, calls });
      }
      case "agent":
        return this.#changed({ agent: message.agent });
      case "offer":
        if (message.offer.id !== this.offer?.id) this.#emit("offer", message.offer);
        return this.#changed({ offer: message.offer });
      case "offer_ended":
        this.#emit("offerended", message);
        return this.#changed({ offer: this.offer?.id === message.offer ? null : this.offer });
      case "call":
        this.calls.set(message.call.id, message.call);
        return this.#changed({});
      case "call_ended": {
        const call = this.calls.get(message.call);
        this.calls.delete(message.call);
        if (call) this.#emit("callended", call);
        return this.#changed({});
      }
      default:
        return undefined;
    }
  }

  #changed(different) {
    Object.assign(this, different);
    this.#emit("change");
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
