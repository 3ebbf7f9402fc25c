// The REST API, with the key of who has logged in. A refusal is an ApiError with the problem's words (RFC 9457).

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
  }
}

export class Api {
  #key;

  constructor(key) {
    this.#key = key;
  }

  get(path) {
    return this.#ask("GET", path);
  }

  send(method, path, body) {
    return this.#ask(method, path, body);
  }

  async #ask(method, path, body) {
    const headers = { authorization: `Bearer ${this.#key}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch (error) {
      throw new ApiError(0, error.message);
    }
    const said = response.status === 204 ? null : await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, said?.detail ?? said?.title ?? response.statusText);
    return said;
  }
}
