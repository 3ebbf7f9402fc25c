// Everything that goes on, as /v1/live tells it: a snapshot, and then what is different (null: it is gone).
import { synchronise } from "/web/common/clock.js";
import { StateSocket } from "/web/common/socket.js";

const SECTIONS = ["queues", "entries", "agents", "calls"];

/** Events: `change`, `refused` {detail}. `queues`, `entries`, `agents`, `calls`: Maps by id. */
export class Live extends EventTarget {
  constructor(key) {
    super();
    this.connected = false;
    for (const section of SECTIONS) this[section] = new Map();
    this.socket = new StateSocket("/v1/live", "ringback.live.v1", key);
    this.socket.addEventListener("message", ({ detail }) => this.#take(detail));
    this.socket.addEventListener("lost", () => {
      this.connected = false;
      this.dispatchEvent(new Event("change"));
    });
    this.socket.addEventListener("refused", ({ detail }) => {
      this.dispatchEvent(new CustomEvent("refused", { detail }));
    });
    this.socket.connect();
  }

  #take(message) {
    if (!["snapshot", "delta", "tick"].includes(message.type)) return;
    synchronise(message.at);
    this.connected = true;
    for (const section of SECTIONS) {
      if (message.type === "snapshot") this[section].clear();
      for (const [id, item] of Object.entries(message[section] ?? {})) {
        if (item === null) this[section].delete(id);
        else this[section].set(id, item);
      }
    }
    this.dispatchEvent(new Event("change"));
  }
}
