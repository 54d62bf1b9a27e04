// The HTTP API, as /v1/openapi.yaml describes it.

import { setClock } from "./dates.js";
import { SessionEnded } from "./session.js";

/** What isn't a success: RFC 9457, with the API's code and field errors; status 0 if no whole answer came. */
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

  /**
   * One page of keys, as { tokens, next_cursor, person }: who asks, and what they may do.
   * filter: { owner, status, q, cursor }, each optional.
   */
  list(filter, signal) {
    const set = Object.entries(filter).filter(([, value]) => value);
    return this.#call("GET", `/v1/tokens?${new URLSearchParams(set)}`, undefined, signal);
  }

  get(id, signal) {
    return this.#call("GET", `/v1/tokens/${encodeURIComponent(id)}`, undefined, signal);
  }

  /** Answers { token, secret }. The same request with the same key makes no second key. */
  issue(request, key) {
    return this.#call("POST", "/v1/tokens", request, undefined, { "Idempotency-Key": key });
  }

  /** Replaces a key's API token. Answers { token, secret }. */
  rotate(id, request) {
    return this.#call("POST", `/v1/tokens/${encodeURIComponent(id)}/rotate`, request);
  }

  /** Takes back a new API token that nobody has used. Answers the key. */
  cancelRotation(id) {
    return this.#call("POST", `/v1/tokens/${encodeURIComponent(id)}/rotate/cancel`);
  }

  revoke(id) {
    return this.#call("POST", `/v1/tokens/${encodeURIComponent(id)}/revoke`, {});
  }

  /** Revokes several keys. Answers { results: [{ id, name, outcome }] }. */
  revokeMany(ids) {
    return this.#call("POST", "/v1/tokens/revoke", { ids });
  }

  /** Marks a person as having left, and revokes their keys; if dry, says which. Answers { left_at, tokens, results }. */
  leave(person, dry) {
    return this.#call("POST", "/v1/people/leave", dry ? { person, dry_run: true } : { person });
  }

  return(person) {
    return this.#call("POST", "/v1/people/return", { person });
  }

  /** Has notices sent to the person again, after one came back. Answers { person }. */
  resumeNotices() {
    return this.#call("POST", "/v1/me/notices/resume");
  }

  async #call(method, path, body, signal, headers) {
    const send = (token) => fetch(path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }), ...headers },
      body: JSON.stringify(body),
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    let response;
    try {
      const token = this.#session.token();
      response = await send(token);
      if (response.status === 401) response = await send(await this.#session.renewed(token));
    } catch (error) {
      if (signal?.aborted || error instanceof SessionEnded) throw error;
      throw new Problem(0, { detail: "The service can’t be reached. Check your connection and try again." });
    }
    if (response.status === 401) {
      await this.#session.forget();
      throw new SessionEnded();
    }
    setClock(response.headers.get("Date"));
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Problem(response.status, answer ?? {});
    if (!answer) throw new Problem(0, { detail: "The service’s answer was cut off. Try again." });
    return answer;
  }
}
