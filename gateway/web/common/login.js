// Who has logged in. The key stays in this tab (sessionStorage): a reload keeps it, closing the tab forgets it.
import { Api } from "./api.js";

const KEPT = "ringback.login";

/** What is kept of this tab's login: {key, name, role, agent}; null when there is none. */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}

/** Finds out whose key it is, and keeps it. `agent`: for whom, when it isn't their own. Raises ApiError. */
export async function logIn(key, agent = "") {
  const { name, role } = await new Api(key).get("/v1/me");
  const login = { key, name, role, agent: role === "agent" ? name : agent };
  sessionStorage.setItem(KEPT, JSON.stringify(login));
  return login;
}
