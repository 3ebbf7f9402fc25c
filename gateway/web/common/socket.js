// A WebSocket that says how things are now: made anew when it is lost, asked whether it lives, refused only for good.

const RETRY_MS = [0, 500, 1000, 2000, 4000, 8000];
const FOR_GOOD = new Set([1000, 4401, 4403, 4404]);
const PING_MS = 10000;
const PONG_MS = 8000;

/** Events: `open`, `message` {detail}, `lost`, and `refused` {detail: {code, reason}}, the last one. */
export class StateSocket extends EventTarget {
  #path;
  #protocols;
  #socket = null;
  #attempt = 0;
  #timer = 0;
  #closed = false;
  #counter = 0;
  #asked = new Map();

  constructor(path, protocol, key) {
    super();
    this.#path = String(new URL(path, location.href)).replace(/^http/, "ws");
    this.#protocols = [protocol, `ringback.key.${key}`];
    addEventListener("online", () => this.#retryNow());
    setInterval(() => this.#check(), PING_MS);
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.#timer);
    if (this.#closed || this.#socket) return;
    const socket = new WebSocket(this.#path, this.#protocols);
    this.#socket = socket;
    socket.onopen = () => this.#emit("open");
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = (event) => this.#lost(socket, event);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  /** Sends a command; resolves with its answer, rejects with an Error that says why not. */
  ask(command, limitMs = PONG_MS) {
    if (!this.open) return Promise.reject(new Error("not connected"));
    const id = `c${++this.#counter}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, { type: "error", detail: "no answer" }), limitMs);
      this.#asked.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...command, id }));
    });
  }

  #take(message) {
    this.#attempt = 0;
    if (message.id !== undefined && this.#asked.has(message.id)) this.#settle(message.id, message);
    else this.#emit("message", message);
  }

  #settle(id, message) {
    const { resolve, reject, timer } = this.#asked.get(id) ?? {};
    if (!this.#asked.delete(id)) return;
    clearTimeout(timer);
    if (message.type === "error") reject(new Error(message.detail ?? message.title));
    else resolve(message);
  }

  #lost(socket, event) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    for (const id of [...this.#asked.keys()]) this.#settle(id, { type: "error", detail: "connection lost" });
    if (this.#closed) return;
    if (FOR_GOOD.has(event.code)) {
      this.#closed = true;
      this.#emit("refused", { code: event.code, reason: event.reason });
      return;
    }
    this.#emit("lost");
    const pause = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
    this.#timer = setTimeout(() => this.connect(), pause * (0.75 + Math.random() / 2));
  }

  /** A socket that died silently gives no pong. */
  #check() {
    const socket = this.#socket;
    if (!this.open) return;
    this.ask({ type: "ping" }).catch(() => {
      if (socket === this.#socket) this.#lost(socket, (socket.close(), { code: 1006 }));
    });
  }

  #retryNow() {
    if (!this.#socket) this.connect();
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
