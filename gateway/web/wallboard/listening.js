// Where a supervisor listens: on a phone, or in this browser, which then answers by itself.
import { $ } from "/web/common/dom.js";
import { BrowserAudio } from "/web/agent/audio.js";

const PHONE = "ringback.supervisor.device";

export class Listening {
  #audio;

  /** `complain` is given what went wrong with the audio. */
  constructor(key, complain) {
    this.#audio = new BrowserAudio(key);
    this.#audio.addEventListener("ring", () => this.#audio.accept());
    this.#audio.addEventListener("change", () => {
      const { problem, state } = this.#audio;
      if (problem) complain(problem);
      if (problem && state === "off") $("in-browser").checked = false;
    });
    $("device").value = localStorage.getItem(PHONE) ?? "";
    $("device").addEventListener("change", () => localStorage.setItem(PHONE, $("device").value.trim()));
    $("in-browser").addEventListener("change", () => this.#choose());
  }

  /** The phone to ring; null for this browser; "" when there is neither. */
  device() {
    return this.#audio.state === "connected" ? null : $("device").value.trim();
  }

  #choose() {
    $("device").disabled = $("in-browser").checked;
    if ($("in-browser").checked) this.#audio.open({}, null);
    else this.#audio.close();
  }
}
