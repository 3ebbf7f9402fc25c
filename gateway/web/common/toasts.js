// What went wrong, or has happened meanwhile: said for a while at the edge of the page.
import { $, el } from "./dom.js";

const SHOWN_MS = 8000;

export function toast(text) {
  const shown = el("p", { class: "toast" }, text);
  $("toasts").append(shown);
  setTimeout(() => shown.remove(), SHOWN_MS);
}

/** Says what went wrong; resolves to whether it went right. */
export async function attempt(promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}
