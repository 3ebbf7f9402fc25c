// One agent in several tabs: one of them leads, that is, it rings, notifies and has the audio.
// The lock says who leads; the channel tells the others what the leader would want them to know if it dies.

/** Events: `lead` (this tab leads now), `follow` (it doesn't any more). */
export class Tabs extends EventTarget {
  #name;
  #channel;
  #release = null;

  constructor(agent) {
    super();
    this.#name = `ringback.agent.${agent}`;
    this.leads = false;
    /** What the leader has shared: its audio session. */
    this.shared = null;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
  }

  /** Lead as soon as nobody else does. */
  start() {
    this.#channel.postMessage({ type: "ask" });
    this.#claim({});
  }

  /** Lead now: the other tab follows from now on. */
  take() {
    if (!this.leads) this.#claim({ steal: true });
  }

  share(shared) {
    this.shared = shared;
    if (this.leads) this.#channel.postMessage({ type: "shared", shared });
  }

  stop() {
    this.#release?.();
    this.#channel.close();
  }

  #claim(options) {
    if (!navigator.locks) {
      this.#led(); // no secure context: tabs can't know of each other
      return;
    }
    const held = () => new Promise((release) => {
      this.#release = release;
      this.#led();
    });
    navigator.locks.request(this.#name, options, held).catch(() => {
      // Another tab has taken the lead. Queue up again, for when it is closed.
      if (!this.leads) return;
      this.leads = false;
      this.dispatchEvent(new Event("follow"));
      this.#claim({});
    });
  }

  #led() {
    if (this.leads) return;
    this.leads = true;
    this.dispatchEvent(new Event("lead"));
  }

  #hear(message) {
    if (message.type === "shared" && !this.leads) this.shared = message.shared;
    if (message.type === "ask" && this.leads) this.share(this.shared);
  }
}
