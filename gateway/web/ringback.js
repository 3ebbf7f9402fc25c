// Ringback's call client: calls from a page to the gateway, and calls that the gateway rings the page for.
//
//   import { RingbackCall } from "https://gateway.example.com/web/ringback.js";
//   const call = new RingbackCall({ url: "wss://gateway.example.com/v1/voice", token: () => fetchToken(), to: "100" });
//   call.addEventListener("prompt", (event) => showMenu(event.detail));
//   await call.start();
//
// One module, no dependencies. A lost connection is made anew within the time that the gateway waits, the audio is
// negotiated again when the network changes, and a page that is reloaded goes on with its call (RingbackCall.restore).
// The protocol is gateway/api/voice.asyncapi.yaml; types are in ringback.d.ts.

const VERSION = 1;
const RETRY_MS = [0, 250, 500, 1000, 2000, 3000];
const MEDIA_GRACE_MS = 1500; // a disconnected ICE pair may recover by itself
const NEGOTIATION_LIMIT_MS = 12000;
const STORAGE_KEY = "ringback.call";
const ACK_LIMIT_MS = 4000; // a socket over which nothing is acknowledged any more is dead, whatever TCP still hopes
const FATAL = new Set([4400, 4401, 4403, 4404]);

/** Why something failed; `code` is for programs. */
export class RingbackError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = "RingbackError";
    this.code = code;
  }
}

/** The signalling: one WebSocket, made anew when it is lost, over which no message is lost and none counts twice. */
export class RingbackConnection extends EventTarget {
  #url;
  #token;
  #socket = null;
  #session = null;
  #received = null; // the last number of the gateway's; null: we know nothing
  #sent = 0;
  #outbox = [];
  #attempt = 0;
  #timer = 0;
  #deadline = Infinity;
  #closed = false;
  #ready = null;
  #unheard = 0; // the timer that runs while something isn't acknowledged
  #calls = new Map();

  /** @param {{url: string, token?: string | (() => string | Promise<string>), session?: string}} options */
  constructor({ url, token, session }) {
    super();
    this.#url = String(new URL(url, globalThis.location?.href)).replace(/^http/, "ws");
    this.#token = token;
    this.#session = session ?? null;
    this.iceServers = [];
    this.resumeMs = 30000;
    globalThis.addEventListener?.("online", () => this.#hurry());
  }

  /** The secret name of this session, by which another page can go on with it. */
  get session() {
    return this.#session;
  }

  get connected() {
    return this.#socket !== null && this.#ready === null;
  }

  /** Connects; resolves when the gateway has said welcome. Rejects with a RingbackError. */
  open() {
    if (this.connected) return Promise.resolve();
    if (!this.#ready) {
      this.#ready = deferred();
      this.#connect();
    }
    return this.#ready.promise;
  }

  /** Numbers a message, keeps it until the gateway has it, and sends it when there is a socket. */
  send(call, message) {
    const numbered = { seq: ++this.#sent, call, ...message };
    this.#outbox.push(numbered);
    if (this.connected) this.#write(numbered);
  }

  /** @param {string} id @param {(message: object) => void} handler */
  listen(id, handler) {
    this.#calls.set(id, handler);
  }

  forget(id) {
    this.#calls.delete(id);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  async #connect() {
    clearTimeout(this.#timer);
    this.#ready ??= deferred();
    const socket = new WebSocket(this.#url); // it opens while the token is fetched
    this.#socket = socket;
    const opened = new Promise((done) => (socket.onopen = done));
    socket.onmessage = (event) => this.#take(socket, JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(socket, event);
    try {
      const hello = { type: "hello", version: VERSION, ...(await this.#credentials()) };
      await opened;
      if (socket === this.#socket) socket.send(JSON.stringify(hello));
    } catch (error) {
      if (socket !== this.#socket) return;
      this.#fail(new RingbackError("no_token", String(error?.message ?? error)));
      socket.close(1000);
    }
  }

  async #credentials() {
    if (this.#session) return { resume: this.#session, received: this.#received };
    const token = typeof this.#token === "function" ? await this.#token() : this.#token;
    return { token };
  }

  #take(socket, message) {
    if (socket !== this.#socket) return;
    if (message.ack !== undefined) this.#acknowledged(message.ack);
    if (message.type === "welcome") return this.#welcome(message);
    if (message.type === "received") return;
    if (message.seq !== undefined) {
      if (this.#received !== null && message.seq <= this.#received) return;
      this.#received = message.seq;
      this.#write({ type: "received", ack: message.seq });
    }
    if (message.type === "error" && this.#ready) {
      this.refusal = new RingbackError(message.code, message.message);
      return;
    }
    const handler = this.#calls.get(message.call);
    if (handler) handler(message);
    else if (message.type === "ring") this.#emit("ring", { call: message.call, ...message });
    else this.#emit("message", message);
  }

  #acknowledged(seq) {
    const left = this.#outbox.filter((kept) => kept.seq > seq);
    if (left.length < this.#outbox.length || !left.length) this.#unheard = clearTimeout(this.#unheard);
    this.#outbox = left;
    if (left.length) this.#expectAck();
  }

  /** Without an answer in time the network has changed, or died, without anybody having told this page. */
  #expectAck() {
    const socket = this.#socket;
    this.#unheard ||= setTimeout(() => {
      this.#unheard = 0;
      if (socket !== this.#socket || !socket) return;
      socket.close();
      this.#lost(socket, { code: 1006, reason: "nothing is acknowledged" });
    }, ACK_LIMIT_MS);
  }

  #welcome(message) {
    const fresh = this.#received === null;
    this.#session = message.session;
    this.iceServers = message.ice_servers;
    this.resumeMs = message.resume_s * 1000;
    this.#received ??= 0;
    if (fresh) this.#sent = Math.max(this.#sent, message.received);
    this.#renumber(message.received);
    this.#attempt = 0;
    this.#deadline = Infinity;
    const ready = this.#ready;
    this.#ready = null;
    for (const kept of this.#outbox) this.#write(kept);
    this.#emit("open", { resumed: message.resumed, calls: message.calls });
    ready?.resolve();
  }

  /** A page that knows nothing of its session goes on where the gateway has stopped counting. */
  #renumber(received) {
    if (this.#outbox.length && this.#outbox[0].seq > received + 1) {
      this.#outbox.forEach((kept, index) => (kept.seq = received + 1 + index));
      this.#sent = received + this.#outbox.length;
    } else if (!this.#outbox.length) {
      this.#sent = received;
    }
  }

  #write(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(this.#received === null ? message : { ...message, ack: this.#received }));
      if (message.seq !== undefined) this.#expectAck();
    }
  }

  #lost(socket, event) {
    if (socket !== this.#socket || this.#closed) return;
    this.#socket = null;
    this.#unheard = clearTimeout(this.#unheard);
    const fatal = FATAL.has(event.code) || (!this.#session && this.#attempt >= RETRY_MS.length);
    if (fatal) {
      this.#fail(this.refusal ?? new RingbackError("refused", event.reason || `closed with ${event.code}`));
      return;
    }
    if (this.#deadline === Infinity) {
      this.#deadline = Date.now() + this.resumeMs;
      this.#emit("lost", { code: event.code });
    }
    if (Date.now() > this.#deadline) {
      this.#fail(new RingbackError("unreachable", "the gateway can't be reached"));
      return;
    }
    const pause = RETRY_MS[Math.min(this.#attempt++, RETRY_MS.length - 1)];
    this.#timer = setTimeout(() => this.#connect(), pause * (0.75 + Math.random() / 2));
  }

  #hurry() {
    if (!this.#socket && !this.#closed && this.#timer) this.#connect();
  }

  #fail(error) {
    this.#closed = true;
    const ready = this.#ready;
    this.#ready = null;
    ready?.promise.catch(() => {});
    ready?.reject(error);
    this.#emit("failed", { error });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * A call. Its events (CustomEvent, with `detail`):
 *
 * - `state`: `{state}`, one of connecting, ringing, answered, reconnecting, ended
 * - `prompt`: `{text, language, choices: [{keys, label}], gathers, secret}`, the menu that is being spoken
 * - `queue`: `{queue, position, estimate_s, waited_s}`; `queue` is null when the caller has left it
 * - `callbackoffer`: `{queue, keys, number, keeps_place}`; `callbackpromised`: `{queue, id, number, estimate_s}`
 * - `agent`: `{name}`
 * - `digits`, `held`: `{on}`; `media`: `{state}`; `problem`: `{code, message}`
 * - `ended`: `{reason, cause, by, status, text, headers, retry_after_s}`, the last one
 */
export class RingbackCall extends EventTarget {
  #connection;
  #ownsConnection;
  #options;
  #id;
  #to;
  #state = "new";
  #answered = false;
  #incoming = false;
  #accepted = false;
  #peer = null; // the RTCPeerConnection that carries the audio
  #next = null; // the one that is being negotiated to take over
  #negotiation = 0;
  #begun = false;
  #stream = null;
  #ownsStream = false;
  #muted = false;
  #element = null;
  #graceTimer = 0;
  #limitTimer = 0;
  #cleanups = [];

  /**
   * @param {object} options
   * @param {string} [options.url] of the gateway's signalling, wss://…/v1/voice
   * @param {string | (() => string | Promise<string>)} [options.token] signed by the app's own server
   * @param {RingbackConnection} [options.connection] one that is open already, in place of url and token
   * @param {string} [options.to] what to call
   * @param {object} [options.context] for whoever answers; plain JSON
   * @param {Record<string, string>} [options.headers]
   * @param {MediaStream} [options.stream] in place of the microphone
   * @param {MediaTrackConstraints} [options.constraints] of the microphone
   * @param {HTMLMediaElement | false} [options.element] that plays the call; one of our own when not given
   * @param {"all" | "relay"} [options.iceTransportPolicy]
   * @param {string} [options.id] of the call; a random one when not given
   * @param {Storage | false} [options.storage] remembers the call across a reload; sessionStorage when not given
   */
  constructor(options) {
    super();
    this.#options = options;
    this.#ownsConnection = !options.connection;
    this.#connection = options.connection ?? new RingbackConnection(options);
    this.#id = options.id ?? randomId();
    this.#to = options.to ?? "100";
    this.#connection.listen(this.#id, (message) => this.#take(message));
    this.#on(this.#connection, "lost", () => this.#answered && this.#set("reconnecting"));
    this.#on(this.#connection, "open", () => this.#resumed());
    this.#on(this.#connection, "failed", (event) => this.#fail(event.detail.error));
    if (globalThis.addEventListener) {
      this.#on(globalThis, "online", () => this.#networkChanged());
      const network = globalThis.navigator?.connection;
      if (network?.addEventListener) this.#on(network, "change", () => this.#networkChanged());
    }
  }

  /** Goes on with the call that this page had before it was reloaded; null when there was none. */
  static restore(options) {
    const storage = options.storage ?? globalThis.sessionStorage;
    let kept;
    try {
      kept = JSON.parse(storage?.getItem(STORAGE_KEY) ?? "null");
    } catch {
      kept = null;
    }
    if (!kept?.session || !kept.id) return null;
    const connection = new RingbackConnection({ ...options, session: kept.session });
    const call = new RingbackCall({ ...options, connection, id: kept.id, to: kept.to });
    call.#ownsConnection = true;
    call.#begun = true;
    call.#set("reconnecting");
    call.#on(connection, "open", ({ detail }) => {
      if (!detail.calls.includes(call.#id)) call.#fail(new RingbackError("session_gone", "the call is over"));
    });
    connection.open().catch(() => {});
    return call;
  }

  /** A call that the gateway rings for: `detail` of a connection's `ring` event. */
  static incoming(connection, detail, options = {}) {
    const call = new RingbackCall({ storage: false, ...options, connection, id: detail.call });
    call.#incoming = true;
    call.#begun = true;
    call.from = detail.from;
    call.headers = detail.headers;
    call.#set("ringing");
    connection.send(call.#id, { type: "ringing" });
    return call;
  }

  /** One that a connection's session has already, after a reload: `message` is what the gateway says of its state. */
  static resumed(connection, message, options = {}) {
    const call = new RingbackCall({ storage: false, ...options, connection, id: message.call });
    call.#begun = true;
    call.#set("reconnecting");
    call.#take(message);
    return call;
  }

  get id() {
    return this.#id;
  }
  get state() {
    return this.#state;
  }
  get muted() {
    return this.#muted;
  }
  /** The audio that the gateway sends. */
  get remoteStream() {
    return this.#element?.srcObject ?? null;
  }
  /** For statistics. */
  get peerConnection() {
    return this.#peer;
  }

  /** Begins the call. Resolves when the gateway has it; rejects with a RingbackError. */
  async start() {
    if (this.#state !== "new") throw new RingbackError("wrong_state", "a call starts once");
    this.#set("connecting");
    try {
      await Promise.all([this.#connection.open(), this.#microphone()]);
      await this.#negotiate();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Accepts a call that the gateway rings for. */
  async accept(headers = {}) {
    this.#accepted = true;
    await this.#microphone();
    this.#connection.send(this.#id, { type: "accept", headers });
    if (!this.#negotiation) await this.#negotiate();
  }

  /** Negotiates the audio of a call that rings already, so that accepting it takes no time. */
  async prepare() {
    await this.#microphone();
    if (!this.#negotiation) await this.#negotiate();
  }

  /** @param {number} status 486 busy, 480 not here, 603 no */
  reject(status = 603) {
    this.#connection.send(this.#id, { type: "reject", status });
  }

  /** Presses keys: any of 0123456789*#ABCD. */
  press(digits, durationMs = 160) {
    if (!/^[0-9*#A-D]{1,32}$/.test(digits)) throw new RingbackError("bad_digits", "these aren't keys");
    this.#connection.send(this.#id, { type: "digits", digits, duration_ms: durationMs });
  }

  mute(on = true) {
    this.#muted = on;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !on;
    this.#connection.send(this.#id, { type: "mute", on });
    this.#emit("mute", { on });
  }

  hold(on = true) {
    this.#connection.send(this.#id, { type: "hold", on });
  }

  hangup() {
    if (this.#state === "ended") return;
    this.#connection.send(this.#id, { type: "hangup" });
    // The gateway confirms; a page that is offline ends its own side anyway.
    setTimeout(() => this.#end({ reason: "normal_clearing", cause: 16, by: "app", status: null }), 2000);
  }

  /** Another microphone from now on. @param {MediaStream} stream */
  async useStream(stream) {
    const track = stream.getAudioTracks()[0];
    for (const peer of [this.#peer, this.#next]) await peer?.getSenders()[0]?.replaceTrack(track);
    if (this.#ownsStream) this.#stream?.getTracks().forEach((old) => old.stop());
    this.#stream = stream;
    this.#ownsStream = false;
    track.enabled = !this.#muted;
  }

  // ---- what the gateway says

  #take(message) {
    switch (message.type) {
      case "answer":
        return void this.#answer(message);
      case "candidate":
        return void this.#candidate(message);
      case "ringing":
        return this.#set("ringing");
      case "progress":
        return this.#set("ringing");
      case "answered":
        this.#connection.send(this.#id, { type: "ack" });
        return this.#establish();
      case "media":
        if (message.state === "lost") this.#renegotiate();
        else if (this.#accepted) this.#establish();
        return this.#emit("media", { state: message.state, reason: message.reason });
      case "state":
        return void this.#restoreState(message);
      case "ring":
        this.#incoming = true;
        return this.#set("ringing");
      case "ended":
        return this.#end(message);
      case "error":
        return this.#emit("problem", { code: message.code, message: message.message });
      case "callback_offer":
        return this.#emit("callbackoffer", message);
      case "callback_promised":
        return this.#emit("callbackpromised", message);
      default:
        return this.#emit(message.type, message); // prompt, queue, agent, held, and what is new to us
    }
  }

  #establish() {
    this.#answered = true;
    if (this.#peer && this.#state !== "reconnecting") this.#set("answered");
  }

  /** After a reload: the gateway tells where the call is, and the audio is negotiated anew. */
  async #restoreState(message) {
    this.#negotiation = Math.max(this.#negotiation, message.negotiation);
    this.#muted = message.muted;
    this.#incoming = message.direction === "outbound";
    this.from = message.from;
    if (message.state === "answered") this.#answered = true;
    else this.#set(message.state === "ringing" ? "ringing" : "connecting");
    try {
      await this.#microphone();
      await this.#negotiate();
    } catch (error) {
      this.#emit("problem", { code: error.code ?? "media", message: error.message });
    }
  }

  // ---- media

  async #microphone() {
    if (this.#stream) return;
    if (this.#options.stream) {
      this.#stream = this.#options.stream;
    } else {
      if (!globalThis.navigator?.mediaDevices) {
        throw new RingbackError("insecure", "microphones work on https pages only");
      }
      const audio = this.#options.constraints ?? {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      };
      try {
        this.#stream = await navigator.mediaDevices.getUserMedia({ audio });
      } catch (error) {
        throw new RingbackError(error.name === "NotAllowedError" ? "microphone_denied" : "microphone", error.message);
      }
      this.#ownsStream = true;
    }
    for (const track of this.#stream.getAudioTracks()) track.enabled = !this.#muted;
  }

  /** Offers audio: the first time with the call itself, later beside what is there. */
  async #negotiate() {
    const negotiation = ++this.#negotiation;
    this.#discard(this.#next);
    const peer = new RTCPeerConnection({
      iceServers: this.#connection.iceServers,
      iceTransportPolicy: this.#options.iceTransportPolicy ?? "all",
      bundlePolicy: "max-bundle",
    });
    peer.ringback = { negotiation, waiting: [], answered: false, early: [], offered: false };
    this.#next = peer;
    for (const track of this.#stream.getAudioTracks()) peer.addTrack(track, this.#stream);
    peer.ontrack = (event) => (peer.ringback.remote = event.streams[0] ?? new MediaStream([event.track]));
    peer.onicecandidate = ({ candidate }) => this.#tellCandidate(peer, candidate);
    peer.onconnectionstatechange = () => this.#peerChanged(peer);
    const offer = await peer.createOffer();
    await peer.setLocalDescription(offer);
    if (peer !== this.#next) return;
    if (this.#begun) {
      this.#connection.send(this.#id, { type: "offer", sdp: offer.sdp, negotiation });
    } else {
      this.#begun = true;
      const { context = {}, headers = {} } = this.#options;
      this.#connection.send(this.#id, { type: "call", to: this.#to, sdp: offer.sdp, context, headers });
      this.#remember();
    }
    peer.ringback.offered = true;
    for (const candidate of peer.ringback.early) this.#tellCandidate(peer, candidate);
    clearTimeout(this.#limitTimer);
    this.#limitTimer = setTimeout(() => peer === this.#next && this.#renegotiate(), NEGOTIATION_LIMIT_MS);
  }

  #tellCandidate(peer, candidate) {
    const about = peer.ringback;
    if (!about.offered) {
      about.early.push(candidate);
      return;
    }
    if (candidate && !candidate.candidate) return;
    const text = candidate ? candidate.candidate : null;
    this.#connection.send(this.#id, { type: "candidate", candidate: text, negotiation: about.negotiation });
  }

  async #answer({ sdp, negotiation }) {
    const peer = this.#next;
    if (peer?.ringback.negotiation !== negotiation || peer.ringback.answered) return;
    peer.ringback.answered = true;
    try {
      await peer.setRemoteDescription({ type: "answer", sdp });
      for (const candidate of peer.ringback.waiting) await this.#addCandidate(peer, candidate);
    } catch (error) {
      this.#emit("problem", { code: "bad_answer", message: error.message });
    }
  }

  async #candidate({ candidate, negotiation }) {
    const peer = [this.#next, this.#peer].find((each) => each?.ringback.negotiation === negotiation);
    if (!peer) return;
    if (peer.remoteDescription) await this.#addCandidate(peer, candidate);
    else peer.ringback.waiting.push(candidate);
  }

  async #addCandidate(peer, candidate) {
    const init = candidate === null ? undefined : { candidate: `candidate:${candidate}`, sdpMLineIndex: 0 };
    await peer.addIceCandidate(init).catch(() => {}); // one that is of no use to this browser
  }

  #peerChanged(peer) {
    if (peer === this.#next && peer.connectionState === "connected") {
      clearTimeout(this.#limitTimer);
      const former = this.#peer;
      this.#peer = peer;
      this.#next = null;
      this.#play(peer.ringback.remote);
      this.#discard(former);
      this.#remember();
      if (this.#answered) this.#set("answered");
    } else if (peer === this.#next && peer.connectionState === "failed") {
      this.#renegotiate(1000);
    } else if (peer === this.#peer) {
      clearTimeout(this.#graceTimer);
      if (peer.connectionState === "failed") this.#renegotiate();
      else if (peer.connectionState === "disconnected") {
        this.#graceTimer = setTimeout(() => this.#renegotiate(), MEDIA_GRACE_MS);
      }
    }
  }

  #renegotiate(pauseMs = 0) {
    if (this.#state === "ended" || !this.#stream) return;
    if (this.#answered) this.#set("reconnecting");
    clearTimeout(this.#graceTimer);
    this.#graceTimer = setTimeout(() => {
      if (this.#state !== "ended") this.#negotiate().catch((error) => this.#fail(error));
    }, pauseMs);
  }

  /** Another network may have another way to the gateway, and the present pair may be dead without knowing it. */
  #networkChanged() {
    if (this.#peer && this.#state !== "ended" && globalThis.navigator?.onLine !== false) this.#renegotiate(200);
  }

  #resumed() {
    if (this.#state === "reconnecting" && this.#peer?.connectionState === "connected") this.#set("answered");
  }

  #play(stream) {
    if (this.#options.element === false || !stream) return;
    this.#element ??= this.#options.element ?? new Audio();
    this.#element.srcObject = stream;
    this.#element.play?.().catch((error) => this.#emit("problem", { code: "autoplay", message: error.message }));
    this.#emit("audio", { stream });
  }

  #discard(peer) {
    if (!peer) return;
    peer.onconnectionstatechange = peer.onicecandidate = peer.ontrack = null;
    peer.close();
    if (peer === this.#next) this.#next = null;
  }

  // ---- the end

  #fail(error) {
    this.#end({ reason: error.code ?? "error", cause: 127, by: "app", status: null, text: error.message });
  }

  #end(message) {
    if (this.#state === "ended") return;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#limitTimer);
    this.#discard(this.#next);
    this.#discard(this.#peer);
    this.#peer = null;
    if (this.#element) this.#element.srcObject = null;
    if (this.#ownsStream) this.#stream?.getTracks().forEach((track) => track.stop());
    this.#storage?.removeItem(STORAGE_KEY);
    for (const cleanup of this.#cleanups) cleanup();
    this.#connection.forget(this.#id);
    if (this.#ownsConnection) setTimeout(() => this.#connection.close(), 100);
    const { type: _type, seq: _seq, ack: _ack, call: _call, ...detail } = message;
    this.#set("ended");
    this.#emit("ended", detail);
  }

  get #storage() {
    if (this.#options.storage === false) return null;
    return this.#options.storage ?? globalThis.sessionStorage ?? null;
  }

  #remember() {
    const kept = { session: this.#connection.session, id: this.#id, to: this.#to };
    this.#storage?.setItem(STORAGE_KEY, JSON.stringify(kept));
  }

  #set(state) {
    if (state === this.#state || this.#state === "ended") return;
    this.#state = state;
    this.#emit("state", { state });
  }

  #on(target, type, handler) {
    target.addEventListener(type, handler);
    this.#cleanups.push(() => target.removeEventListener(type, handler));
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
