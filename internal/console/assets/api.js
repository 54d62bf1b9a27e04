// The HTTP API, as /v1/openapi.yaml describes it.

import { SessionEnded } from "./session.js";

/** An answer that isn't a success: RFC 9457, with the API's code and field errors. */
export class Problem extends Error {
  constructor(status, { title, detail, code, errors } = {}) {
    super(detail || title || "The service answered with an error. Try again in a moment.");
    this.status = status;
    this.code = code ?? "";
    this.errors = Array.isArray(errors) ? errors : [];
  }
}

export class API {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** One page of keys. filter: { owner, status, q, cursor }, each optional. */
  list(filter, signal) {
    const set = Object.entries(filter).filter(([, value]) => value);
    return this.#call("GET", `/v1/tokens?${new URLSearchParams(set)}`, undefined, signal);
  }

  get(id) {
    return this.#call("GET", `/v1/tokens/${encodeURIComponent(id)}`);
  }

  /** Answers { token, secret }. The secret can't be had again. */
  issue(request) {
    return this.#call("POST", "/v1/tokens", request);
  }

  revoke(id) {
    return this.#call("POST", `/v1/tokens/${encodeURIComponent(id)}/revoke`, {});
  }

  async #call(method, path, body, signal) {
    const headers = { Authorization: `Bearer ${await this.#session.token()}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(path, {
        method, headers, signal, body: JSON.stringify(body), cache: "no-store", credentials: "omit", redirect: "error",
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Problem(0, { detail: "The service can’t be reached. Check your connection and try again." });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (response.status === 401) {
      await this.#session.forget();
      throw new SessionEnded();
    }
    throw new Problem(response.status, answer);
  }
}
