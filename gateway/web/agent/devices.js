// The audio dialogue: where calls are answered, which devices, how loud the microphone is, and a test.
import { $, say } from "/web/common/dom.js";
import { wish, wishes } from "./audio.js";

const TEST_MS = 3000;
const METER_MS = 100;

export class Devices extends EventTarget {
  #agent;
  #audio;
  #ringer;
  #t;
  #hasPhone = true;
  #meter = 0;

  constructor(agent, audio, ringer, t) {
    super();
    [this.#agent, this.#audio, this.#ringer, this.#t] = [agent, audio, ringer, t];
    $("devices").addEventListener("click", () => this.#open());
    $("in-browser").addEventListener("change", (event) => this.#keep({ browser: event.target.checked }));
    for (const id of ["microphone", "speaker", "ringer"]) {
      $(id).addEventListener("change", (event) => this.#keep({ [id]: event.target.value }));
    }
    $("test").addEventListener("click", () => this.#test());
    $("device-dialog").addEventListener("close", () => clearInterval(this.#meter));
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

  #watchLevel() {
    clearInterval(this.#meter);
    if (!this.#audio.stream || !$("device-dialog").open) return;
    this.context ??= new AudioContext();
    const analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    this.context.createMediaStreamSource(this.#audio.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#meter = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      $("level").value = Math.min(1, peak * 1.5);
    }, METER_MS);
  }

  /** Three seconds of the microphone, played on what calls are heard on. */
  async #test() {
    if (!this.#audio.stream) return;
    $("test").disabled = true;
    try {
      say($("test-said"), this.#t("devices.speak"));
      const recorder = new MediaRecorder(this.#audio.stream);
      const parts = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      const stopped = new Promise((done) => (recorder.onstop = done));
      recorder.start();
      await new Promise((done) => setTimeout(done, TEST_MS));
      recorder.stop();
      await stopped;
      const player = new Audio(URL.createObjectURL(new Blob(parts, { type: recorder.mimeType })));
      await player.setSinkId?.(this.chosen.speaker ?? "").catch(() => {});
      say($("test-said"), this.#t("devices.listen"));
      await player.play();
      await new Promise((done) => (player.onended = done));
      URL.revokeObjectURL(player.src);
    } catch (error) {
      this.#complain(error);
    } finally {
      $("test").disabled = false;
    }
  }

  #complain(error) {
    $("device-problem").hidden = !error;
    if (error) say($("device-problem"), audioProblem(error, this.#t));
  }
}

/** What went wrong with the audio, in words. */
export function audioProblem(error, t) {
  const known = ["microphone_denied", "microphone", "insecure"].includes(error.code);
  return known ? t(`audio.${error.code}`) : t("audio.failed", { reason: error.message });
}
