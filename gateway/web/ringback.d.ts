/** Types of ringback.js. The protocol is gateway/api/voice.asyncapi.yaml. */

export type Token = string | (() => string | Promise<string>);
export type CallState = "new" | "connecting" | "ringing" | "answered" | "reconnecting" | "ended";

/** `code` is for programs: microphone_denied, unreachable, token_expired, … */
export class RingbackError extends Error {
  readonly code: string;
  constructor(code: string, message: string);
}

export interface Party {
  number: string;
  name: string;
}

/** The menu that is being spoken; its `keys` are what a button presses. */
export interface Prompt {
  text: string;
  language: string;
  choices: { keys: string; label: string }[];
  /** Digits are asked for: show the keypad. */
  gathers: boolean;
  /** They are a secret: show dots. */
  secret: boolean;
}

/** `queue` is null when the caller has left it. Seconds from now; null where it isn't told. */
export interface QueuePlace {
  queue: string | null;
  position: number | null;
  estimate_s: [least: number, most: number] | null;
  waited_s: number;
}

/** Taken by pressing `keys`; `queue` is null when the offer is taken back. */
export interface CallbackOffer {
  queue: string | null;
  keys: string;
  number: string;
  keeps_place: boolean;
}

export interface CallbackPromise {
  queue: string;
  id: string;
  number: string;
  estimate_s: [least: number, most: number] | null;
}

/** `reason` is Q.850's name in lower case (normal_clearing, user_busy, …), or a code of RingbackError. */
export interface Ending {
  reason: string;
  cause: number;
  by: "app" | "gateway";
  status: number | null;
  text?: string;
  headers?: Record<string, string>;
  retry_after_s?: number | null;
}

export interface Ring {
  call: string;
  from: Party;
  headers: Record<string, string>;
}

export interface ConnectionEvents {
  open: CustomEvent<{ resumed: boolean; calls: string[] }>;
  lost: CustomEvent<{ code: number }>;
  failed: CustomEvent<{ error: RingbackError }>;
  ring: CustomEvent<Ring>;
  message: CustomEvent<Record<string, unknown>>;
}

export interface CallEvents {
  state: CustomEvent<{ state: CallState }>;
  prompt: CustomEvent<Prompt>;
  queue: CustomEvent<QueuePlace>;
  callbackoffer: CustomEvent<CallbackOffer>;
  callbackpromised: CustomEvent<CallbackPromise>;
  agent: CustomEvent<{ name: string | null }>;
  held: CustomEvent<{ on: boolean }>;
  mute: CustomEvent<{ on: boolean }>;
  audio: CustomEvent<{ stream: MediaStream }>;
  media: CustomEvent<{ state: "connected" | "lost"; reason: string }>;
  problem: CustomEvent<{ code: string; message: string }>;
  ended: CustomEvent<Ending>;
}

export interface ConnectionOptions {
  /** wss://…/v1/voice; relative to the page, if you like. */
  url: string;
  token?: Token;
  /** Goes on with a session, in place of a token. */
  session?: string;
}

export class RingbackConnection extends EventTarget {
  constructor(options: ConnectionOptions);
  readonly session: string | null;
  readonly connected: boolean;
  iceServers: RTCIceServer[];
  open(): Promise<void>;
  close(): void;
  addEventListener<K extends keyof ConnectionEvents>(
    type: K,
    listener: (event: ConnectionEvents[K]) => void,
    options?: AddEventListenerOptions,
  ): void;
}

export interface CallOptions extends Partial<ConnectionOptions> {
  connection?: RingbackConnection;
  to?: string;
  context?: Record<string, unknown>;
  headers?: Record<string, string>;
  stream?: MediaStream;
  constraints?: MediaTrackConstraints;
  element?: HTMLMediaElement | false;
  iceTransportPolicy?: RTCIceTransportPolicy;
  id?: string;
  storage?: Storage | false;
}

export class RingbackCall extends EventTarget {
  constructor(options: CallOptions);
  /** The call that this page had before it was reloaded. */
  static restore(options: CallOptions): RingbackCall | null;
  /** A call that the gateway rings for: `detail` of a connection's `ring` event. */
  static incoming(connection: RingbackConnection, detail: Ring, options?: CallOptions): RingbackCall;
  /** One that the connection's session has already: `state` is what its `message` event brought after a reload. */
  static resumed(connection: RingbackConnection, state: { call: string }, options?: CallOptions): RingbackCall;
  readonly id: string;
  readonly state: CallState;
  readonly muted: boolean;
  readonly remoteStream: MediaStream | null;
  readonly peerConnection: RTCPeerConnection | null;
  from?: Party;
  headers?: Record<string, string>;
  start(): Promise<void>;
  prepare(): Promise<void>;
  accept(headers?: Record<string, string>): Promise<void>;
  reject(status?: number): void;
  press(digits: string, durationMs?: number): void;
  mute(on?: boolean): void;
  hold(on?: boolean): void;
  hangup(): void;
  useStream(stream: MediaStream): Promise<void>;
  addEventListener<K extends keyof CallEvents>(
    type: K,
    listener: (event: CallEvents[K]) => void,
    options?: AddEventListenerOptions,
  ): void;
}
