// A call that the agent is asked to take: who it is, before they answer.
import { $, fill, say } from "/web/common/dom.js";
import { count, duration } from "/web/common/clock.js";
import { screenPop } from "./screenpop.js";

let answered = null; // the offer that was accepted here

export function setUp({ desk, audio, attempt }) {
  $("accept").addEventListener("click", () => {
    if (desk.offer) {
      answered = desk.offer.id;
      const { record } = desk.offer.context ?? {};
      if (record?.open && /^https?:\/\//i.test(record.url)) window.open(record.url, "_blank", "noopener,noreferrer");
      attempt(desk.ask({ type: "accept", offer: desk.offer.id }));
    }
    audio.accept();
    show.again?.();
  });
  $("decline").addEventListener("click", () => {
    if (desk.offer) attempt(desk.ask({ type: "decline", offer: desk.offer.id }));
    else audio.reject();
  });
}

/** The name and number of who calls, as far as they are known. */
export function caller(offer, t) {
  const name = offer.context?.customer?.name ?? offer.name;
  return [name, offer.number].filter(Boolean).join(" · ") || t("offer.anonymous");
}

/** Whether a colleague rings this browser. What rings for a queue says so: its offer is only a moment late, or over. */
export function asked(audio) {
  return audio.ringing && !audio.call.headers?.["x-ringback-queue"];
}

export function show({ desk, audio, devices, words }) {
  show.again = () => show({ desk, audio, devices, words });
  const t = words.say;
  const { offer } = desk;
  const consulted = !offer && asked(audio);
  $("offer").hidden = !offer && !consulted;
  if (consulted) return showConsultation(audio.call, t);
  if (!offer) return undefined;
  const taken = offer.connecting || answered === offer.id;
  say($("offer-title"), t(offer.callback ? "offer.callback" : "offer.title", { queue: offer.queue }));
  say($("offer-from"), caller(offer, t));
  const about = [t("offer.waited", { time: duration(offer.wait_s) }), offer.language.toUpperCase()];
  say($("offer-about"), about.filter(Boolean).join(" · "));
  $("offer-left").hidden = taken;
  count($("offer-left").querySelector("time"), { until: offer.until });
  const byPhone = !(devices.inBrowser && audio.state === "connected");
  $("offer-phone").hidden = !byPhone;
  $("accept").disabled = taken;
  $("decline").disabled = offer.connecting;
  const pop = $("offer").querySelector(".pop");
  fill(pop, [offer.context, words.language], () => screenPop(offer.context, t));
  return undefined;
}

/** A colleague rings this browser: there is no offer of a queue. */
function showConsultation(call, t) {
  say($("offer-title"), t("offer.consult"));
  say($("offer-from"), [call.from?.name, call.from?.number].filter(Boolean).join(" · "));
  say($("offer-about"), "");
  $("offer-left").hidden = $("offer-phone").hidden = true;
  $("accept").disabled = $("decline").disabled = false;
  fill($("offer").querySelector(".pop"), null, () => []);
}
