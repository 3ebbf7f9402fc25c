// The audio dialogue: where calls are answered, which devices, how loud the microphone is, and a test call.
import { $, say } from "/web/common/dom.js";
import { wish, wishes } from "./audio.js";

const TEST_MS = 15000;
const LOUD = 0.02; // the peak of a voice, against that of a quiet room
const METER_MS = 100;

export class Devices extends EventTarget {
  #agent;
  #audio;
  #ringer;
  #t;
  #hasPhone = true;
  #meter = 0;
  #trial = null; // the test call

  constructor(agent, audio, ringer, t) {
    super();
    [this.#agent, this.#audio, this.#ringer, this.#t] = [agent, audio, ringer, t];
    $("devices").addEventListener("click", () => this.#open());
    $("in-browser").addEventListener("change", (event) => this.#keep({ browser: event.target.checked }));
    for (const id of ["microphone", "speaker", "ringer"]) {
      $(id).addEventListener("change", (event) => this.#keep({ [id]: event.target.value }));
    }
    $("test").addEventListener("click", () => this.#test());
    $("device-dialog").addEventListener("close", () => this.#closed());
    audio.addEventListener("ring", () => this.#trial?.hangup());
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#list());
  }

  /** Whether calls are answered here. Who has no phone has no other way. */
  get inBrowser() {
    return !this.#hasPhone || wishes(this.#agent).browser === true;
  }

  get chosen() {
    return wishes(this.#agent);
  }

  knowPhone(hasPhone) {
    this.#hasPhone = hasPhone;
    $("in-browser").checked = this.inBrowser;
    $("in-browser").disabled = !hasPhone;
  }

  async #keep(change) {
    wish(this.#agent, { ...this.chosen, ...change });
    try {
      if ("microphone" in change) await this.#audio.useMicrophone(change.microphone);
      if ("speaker" in change) await this.#audio.useSpeaker(change.speaker);
      if ("ringer" in change) await this.#ringer.useDevice(change.ringer);
      this.#complain(null);
    } catch (error) {
      this.#complain(error);
    }
    if ("browser" in change) this.dispatchEvent(new Event("change"));
    this.#watchLevel();
  }

  async #open() {
    $("device-dialog").showModal();
    say($("test-said"), "");
    say($("test"), this.#t("devices.test"));
    this.#complain(null);
    try {
      if (!this.#audio.stream) await this.#audio.useMicrophone(this.chosen.microphone ?? "");
    } catch (error) {
      this.#complain(error);
    }
    await this.#list();
    this.#watchLevel();
  }

  async #list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const fillIn = (id, kind) => {
      const options = devices
        .filter((device) => device.kind === kind && device.deviceId !== "default" && device.deviceId)
        .map((device) => new Option(device.label || device.deviceId.slice(0, 8), device.deviceId));
      $(id).replaceChildren(new Option(this.#t("devices.default"), ""), ...options);
      $(id).value = this.chosen[id] ?? "";
      if ($(id).selectedIndex < 0) $(id).value = "";
    };
    fillIn("microphone", "audioinput");
    fillIn("speaker", "audiooutput");
    fillIn("ringer", "audiooutput");
  }

  #closed() {
    clearInterval(this.#meter);
    this.#trial?.hangup();
  }

  #watchLevel() {
    clearInterval(this.#meter);
    if (!this.#audio.stream || !$("device-dialog").open) return;
    const peak = this.#ear(this.#audio.stream);
    this.#meter = setInterval(() => ($("level").value = Math.min(1, peak() * 1.5)), METER_MS);
  }

  /** A function that tells how loud this stream is at the moment, 0 to 1. */
  #ear(stream) {
    this.context ??= new AudioContext();
    const analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    return () => {
      analyser.getFloatTimeDomainData(samples);
      return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    };
  }

  /** A call to the gateway, which sends back what it hears: microphone, network and loudspeaker are tried at once. */
  async #test() {
    if (this.#trial) return this.#trial.hangup();
    if (!this.#audio.stream) return undefined;
    say($("test"), this.#t("devices.stop"));
    say($("test-said"), this.#t("devices.calling"));
    const trial = (this.#trial = await this.#audio.echo(this.chosen.speaker));
    globalThis.trial = trial; // for the curious, in the console
    const limit = setTimeout(() => trial.hangup(), TEST_MS);
    let listening = 0;
    trial.addEventListener("state", ({ detail }) => {
      if (detail.state === "answered" && !listening) listening = this.#listen(trial);
    });
    trial.addEventListener("ended", ({ detail }) => {
      clearTimeout(limit);
      clearInterval(listening);
      this.#trial = null;
      say($("test"), this.#t("devices.test"));
      if (detail.by !== "app" && detail.reason !== "normal_clearing") this.#complain(new Error(detail.text || detail.reason));
      else if (!trial.heard) say($("test-said"), this.#t("devices.unheard"));
    });
    await trial.start().catch((error) => this.#complain(error));
    return undefined;
  }

  #listen(trial) {
    say($("test-said"), this.#t("devices.speak"));
    const peak = this.#ear(trial.remoteStream);
    return setInterval(async () => {
      trial.heard ||= peak() > LOUD;
      const figures = trial.heard && (await figuresOf(trial.peerConnection));
      if (figures) say($("test-said"), this.#t("devices.heard", figures));
    }, METER_MS);
  }

  #complain(error) {
    $("device-problem").hidden = !error;
    if (error) say($("device-problem"), audioProblem(error, this.#t));
  }
}

/** What a connection is like: {delay, lost, jitter} in ms and percent; null while nothing is known (webrtc-stats). */
async function figuresOf(peer) {
  const reports = [...((await peer?.getStats()) ?? new Map()).values()];
  const pair = reports.find(({ type, nominated }) => type === "candidate-pair" && nominated);
  const received = reports.find(({ type }) => type === "inbound-rtp");
  if (pair?.currentRoundTripTime === undefined || !received?.packetsReceived) return null;
  return {
    delay: Math.round(pair.currentRoundTripTime * 1000),
    lost: Math.round((100 * Math.max(0, received.packetsLost)) / (received.packetsReceived + received.packetsLost)),
    jitter: Math.round(received.jitter * 1000),
  };
}

/** What went wrong with the audio, in words. */
export function audioProblem(error, t) {
  const known = ["microphone_denied", "microphone", "insecure"].includes(error.code);
  return known ? t(`audio.${error.code}`) : t("audio.failed", { reason: error.message });
}
