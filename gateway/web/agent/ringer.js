// What draws an agent's attention: a tone, perhaps on another device than calls are heard on, and a notification.

const NOTES_HZ = [660, 880];
const EVERY_MS = 2500;

export class Ringer {
  #context = null;
  #timer = 0;
  #notification = null;
  #device = "";

  /** To be called from a click: browsers give neither sound nor notifications without one. */
  unlock() {
    this.#context ??= new AudioContext();
    this.#context.resume();
    if ("Notification" in globalThis && Notification.permission === "default") Notification.requestPermission();
  }

  async useDevice(id) {
    this.#device = id;
    await this.#context?.setSinkId?.(id).catch(() => {});
  }

  start(title, body) {
    this.stop();
    if (!this.#context) {
      this.#context = new AudioContext();
      this.useDevice(this.#device);
    }
    this.#play();
    this.#timer = setInterval(() => this.#play(), EVERY_MS);
    this.#notify(title, body);
  }

  stop() {
    clearInterval(this.#timer);
    this.#notification?.close();
    this.#notification = null;
  }

  #play() {
    const context = this.#context;
    NOTES_HZ.forEach((hz, index) => {
      const at = context.currentTime + index * 0.25;
      const gain = new GainNode(context, { gain: 0 });
      gain.gain.setTargetAtTime(0.15, at, 0.01);
      gain.gain.setTargetAtTime(0, at + 0.2, 0.03);
      const note = new OscillatorNode(context, { frequency: hz });
      note.connect(gain).connect(context.destination);
      note.start(at);
      note.stop(at + 0.5);
    });
  }

  #notify(title, body) {
    if (!document.hidden || !("Notification" in globalThis) || Notification.permission !== "granted") return;
    this.#notification = new Notification(title, { body, tag: "ringback-offer", requireInteraction: true });
    this.#notification.onclick = () => {
      focus();
      this.#notification?.close();
    };
  }
}
