// The agent's voice in this browser: one connection that the gateway rings, and the call that it carries.
import { RingbackCall, RingbackConnection } from "/web/ringback.js";

const SESSION = "ringback.voice";
const WISHED = "ringback.audio";
const RETRY_MS = 3000;
const ECHO = "echo"; // what the gateway answers itself

/** What the agent has chosen on this machine: {browser, microphone, speaker, ringer}. */
export function wishes(agent) {
  try {
    return JSON.parse(localStorage.getItem(`${WISHED}.${agent}`)) ?? {};
  } catch {
    return {};
  }
}

export function wish(agent, wanted) {
  localStorage.setItem(`${WISHED}.${agent}`, JSON.stringify(wanted));
}

/** Events: `change` (state, call or problem), `session` {detail: id}, `ring` {detail: call}. */
export class BrowserAudio extends EventTarget {
  #key;
  #connection = null;
  #element = new Audio();
  #accepting = false;
  #opening = false;
  #timer = 0;

  constructor(key) {
    super();
    this.#key = key;
    this.stream = null;
    this.call = null;
    this.state = "off"; // connecting, connected, off
    this.problem = null;
  }

  /** Whether this browser rings but nobody has answered here. */
  get ringing() {
    return this.call?.state === "ringing";
  }

  /** Connects, going on with `session` when it is still there. The page may be rung from then on. */
  async open({ microphone = "", speaker = "" } = {}, session = sessionStorage.getItem(SESSION)) {
    if (this.#connection || this.#opening) return;
    this.#opening = true;
    this.#set("connecting");
    try {
      if (!this.stream) await this.useMicrophone(microphone);
      await this.useSpeaker(speaker);
      await this.#connect(session).catch((error) => {
        if (!session || error.code !== "session_gone") throw error;
        this.#drop();
        return this.#connect(null);
      });
    } catch (error) {
      this.#drop();
      this.#set("off", error);
      if (!["microphone_denied", "microphone", "insecure"].includes(error.code)) this.#again(microphone, speaker);
    } finally {
      this.#opening = false;
    }
  }

  /** This tab has no audio any more; another may go on with the session, and its call. */
  close() {
    clearTimeout(this.#timer);
    this.#drop();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    sessionStorage.removeItem(SESSION);
    this.#set("off");
  }

  /** Answers what rings here, or what is about to. */
  accept() {
    if (this.ringing) this.call.accept().catch((error) => this.#set(this.state, error));
    else this.#accepting = this.state === "connected";
  }

  reject() {
    if (this.ringing) this.call.reject(603);
  }

  async useMicrophone(id) {
    if (!navigator.mediaDevices) throw Object.assign(new Error("https only"), { code: "insecure" });
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    if (id) audio.deviceId = { exact: id };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      if (id && error.name === "OverconstrainedError") return this.useMicrophone(""); // it was unplugged
      throw Object.assign(error, { code: error.name === "NotAllowedError" ? "microphone_denied" : "microphone" });
    }
    await this.call?.useStream(stream);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = stream;
    this.#changed();
    return undefined;
  }

  /** A call to the gateway's echo; not started yet. It goes over the connection that is there, or one of its own. */
  async echo(speaker = "") {
    const own = this.state !== "connected";
    const connection = own ? new RingbackConnection({ url: "/v1/voice", token: this.#key }) : this.#connection;
    const element = new Audio();
    await element.setSinkId?.(speaker).catch(() => {});
    const call = new RingbackCall({ connection, to: ECHO, stream: this.stream, element, storage: false });
    call.addEventListener("ended", () => own && connection.close());
    return call;
  }

  async useSpeaker(id) {
    await this.#element.setSinkId?.(id).catch(() => this.#element.setSinkId(""));
  }

  async #connect(session) {
    const connection = new RingbackConnection({ url: "/v1/voice", token: this.#key, session });
    this.#connection = connection;
    connection.addEventListener("open", () => {
      sessionStorage.setItem(SESSION, connection.session);
      this.dispatchEvent(new CustomEvent("session", { detail: connection.session }));
      this.#set("connected");
    });
    connection.addEventListener("lost", () => this.#set("connecting"));
    connection.addEventListener("failed", () => this.#failed(connection));
    connection.addEventListener("ring", ({ detail }) => this.#rung(detail));
    connection.addEventListener("message", ({ detail }) => this.#resumed(detail));
    await connection.open();
  }

  #failed(connection) {
    if (connection !== this.#connection || this.#opening) return;
    this.#drop();
    this.#set("off", connection.refusal ?? null);
    sessionStorage.removeItem(SESSION);
    this.#again();
  }

  #again(microphone, speaker) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open({ microphone, speaker }, null), RETRY_MS);
  }

  #rung(detail) {
    if (this.call && this.call.state !== "ended") return;
    const call = RingbackCall.incoming(this.#connection, detail, this.#options);
    this.#follow(call);
    call.prepare().catch((error) => this.#set(this.state, error));
    this.dispatchEvent(new CustomEvent("ring", { detail: call }));
    if (this.#accepting) {
      this.#accepting = false;
      this.accept();
    }
  }

  /** The page was reloaded: the call is still there. */
  #resumed(message) {
    if (message.type !== "state" || message.direction !== "outbound") return;
    this.#follow(RingbackCall.resumed(this.#connection, message, this.#options));
  }

  #follow(call) {
    this.call = call;
    globalThis.call = call; // for the curious, in the console
    call.addEventListener("state", () => this.#changed());
    call.addEventListener("ended", () => {
      if (this.call === call) this.call = null;
      this.#changed();
    });
    this.#changed();
  }

  #drop() {
    this.#accepting = false;
    this.call?.peerConnection?.close();
    this.#element.srcObject = null;
    this.call = null;
    this.#connection?.close();
    this.#connection = null;
  }

  get #options() {
    return { stream: this.stream, element: this.#element };
  }

  #set(state, problem = null) {
    this.state = state;
    this.problem = problem;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
