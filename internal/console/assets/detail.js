// The panel with one key's facts: #/tokens/<id>, where the e-mails lead.

import { countDays, inDays, longDate, longTime } from "./dates.js";
import { $, address, announce, busy, closable, h, named, showError } from "./dom.js";
import { expiry, owner, statusMark, statusWord } from "./list.js";
import { progress, replaced, used } from "./rotation.js";

/** What became of a notice, where it was not simply sent. */
const FATE = {
  delegated: "to administrators, because its owner can’t be reached", abandoned: "given up, because nobody could be reached", bounced: "came back",
};

export class DetailPanel {
  #api; #handled; #list; #session; #scopes; #revoke; #takeBack; #leave; #canIssue; #isAdmin;
  #dialog = $("key");
  #id = "";
  #token = null;
  #request = new AbortController();

  /** canIssue(): whether the person may make keys and replace API tokens; isAdmin(): whether they see everyone's. */
  constructor({ api, handled, config, list, session, revoke, takeBack, leave, canIssue, isAdmin }) {
    this.#api = api;
    this.#handled = handled;
    this.#scopes = new Map(config.token_scopes.map(({ name, description }) => [name, description]));
    this.#list = list;
    this.#session = session;
    this.#revoke = revoke;
    this.#takeBack = takeBack;
    this.#canIssue = canIssue;
    this.#isAdmin = isAdmin;
    this.#leave = leave;
    closable(this.#dialog);
    this.#dialog.addEventListener("mousedown", (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
    $("key-revoke").addEventListener("click", () => this.#revoke.open(this.#token));
    this.#dialog.addEventListener("close", () => {
      this.#request.abort();
      if (location.hash.startsWith("#/tokens/")) history.replaceState(null, "", "#/");
      // The focus goes back to where it was, unless that has been drawn anew meanwhile.
      const { activeElement } = document;
      if (activeElement === document.body || this.#dialog.contains(activeElement)) this.#list.focus(this.#id);
    });
  }

  /** Answers the key, once the API has; null if there is none to show. */
  async open(id) {
    if (this.#dialog.open && this.#id === id && this.#token?.id === id) return this.#token;
    this.#token = null;
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#id = id;
    const known = this.#list.find(id); // shown at once, until the API has answered
    if (known) this.#show(known);
    else this.#showInstead(h("p", { class: "muted" }, "Loading…"));
    if (this.#dialog.open) $("key-title").focus(); // another key's button had it
    else this.#dialog.showModal();
    if (known) this.#say(known);
    let token;
    try {
      token = await this.#api.get(id, signal);
    } catch (error) {
      if (!signal.aborted && !this.#handled(error)) this.#showFailure(error);
      return null;
    }
    this.#list.update(token);
    this.#show(token);
    if (known?.status === token.status) return token;
    $("key-title").focus();
    this.#say(token);
    return token;
  }

  close() {
    this.#dialog.close();
  }

  /** Shows a key's new state, if it is the one that is open. */
  update(token) {
    if (!this.#dialog.open || this.#id !== token.id) return;
    this.#request.abort(); // its answer may be older
    this.#show(token);
    $("key-title").focus();
  }

  /** Asks the API again for the key that is open. Answers it, or null. */
  async refresh(id) {
    try {
      const token = await this.#api.get(id);
      this.#list.update(token);
      if (this.#dialog.open && this.#id === id) this.#show(token);
      return token;
    } catch (error) {
      this.#handled(error);
      return null;
    }
  }

  /** Asks again for the key that is open, of whose owner something has changed. */
  async ownerChanged() {
    if (!this.#dialog.open) return;
    await this.refresh(this.#id);
    $("key-title").focus(); // the button is drawn anew
  }

  /** Shows what can be done with the key: it has just become known what the person may do. */
  offer() {
    if (!this.#dialog.open || !this.#token) return;
    this.#showActions(this.#token);
    $("key-body").querySelector(".leaving-of")?.replaceChildren(...[this.#leaving(this.#token)].filter(Boolean));
  }

  /** Says what matters first of a key, to people who can't see the panel. */
  #say({ name, status, expires_on: date }) {
    const when = { active: `expires on ${longDate(date)}, ${inDays(date)}`, expired: `expired on ${longDate(date)}` }[status];
    announce([`API key ${name}`, statusWord(status), when].filter(Boolean).join(", "));
  }

  /** Shows something in the place of a key's facts. */
  #showInstead(...what) {
    $("key-title").textContent = "API key";
    $("key-body").replaceChildren(...what);
    $("key-revoke").hidden = $("key-replace").hidden = $("key-again").hidden = true;
  }

  #showFailure({ status, message }) {
    const place = h("div", { class: "notice error" });
    if (status !== 404) {
      showError(place, message);
      this.#showInstead(place);
      announce(message);
      return;
    }
    // Which of the reasons it is, the API tells nobody.
    const text = "There is no such API key among those that this account may see.";
    const other = h("button", { type: "button", class: "button" }, "Use another account");
    other.addEventListener("click", () => busy(other, () => this.#session.changeAccount().catch((error) => {
      showError(place, error.message);
      announce(error.message);
    })));
    const { email } = this.#session;
    showError(place, text);
    this.#showInstead(place,
      h("p", {}, "You are signed in as ", email ? address(email) : "an account without an address", ". If the link was sent to another address, sign in as that person."),
      h("div", { class: "row" }, other));
    announce(`${text} You are signed in as ${email || "an account without an address"}.`);
  }

  #show(token) {
    this.#token = token;
    const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const optional = (name, ...value) => (value[0] ? fact(name, ...value) : null);
    $("key-title").replaceChildren(named(token.name));
    const rotation = progress(token, () => this.#takeBack.open(this.#token));
    $("key-body").replaceChildren(...(rotation ? [rotation] : []), h("dl", { class: "facts" }, ...[
      fact("Status", statusMark(token.status)),
      fact("API token", h("span", { class: "mono", translate: "no" }, token.hint)),
      fact("Expires", h("time", { datetime: token.expires_on }, `${longDate(token.expires_on)}, 00:00 UTC`), expiry(token)[1] ?? ""),
      fact("Created", longTime(token.created_at)),
      fact("Last used", token.last_used_at ? used(token.last_used_at, token.last_used_from) : "Never"),
      optional("Replaced", replaced(token)),
      optional("By itself", token.self_rotation && "The key may replace its own API token"),
      optional("Revoked", ...(token.revoked_at ? [longTime(token.revoked_at), ...this.#by(token)] : [])),
      optional("Reason", token.revoke_reason && named(token.revoke_reason)),
      fact("Owner", owner(token), h("span", { class: "leaving-of" }, this.#leaving(token))),
      fact("Scopes", ...this.#allowed(token.scopes)),
      this.#notices(token),
      fact("ID", h("span", { class: "mono", translate: "no" }, token.id)),
    ].filter(Boolean)));
    this.#showActions(token);
  }

  /** What an admin can say of somebody else who has keys. */
  #leaving({ owner: { type, id, email, left } }) {
    if (type !== "person" || id === this.#session.id || !this.#isAdmin()) return null;
    return h("button", { type: "button", class: "button small quiet", onclick: () => this.#leave.open({ id, email, left }) }, left ? "Has returned…" : "Has left…");
  }

  #showActions({ id, status }) {
    const active = status === "active";
    $("key-revoke").hidden = !active;
    $("key-replace").hidden = !active || !this.#canIssue();
    $("key-replace").href = `#/tokens/${id}/replace`;
    $("key-again").hidden = active || !this.#canIssue();
    $("key-again").href = `#/new?from=${id}`;
  }

  #by(token) {
    if (token.revoked_by === this.#session.id) return [" by you"];
    if (token.revoked_by && token.revoked_by === token.owner.id) return [" by ", address(token.owner.email || token.owner.id)];
    if (token.revoked_by === token.id) return [" by whoever has its API token"];
    return token.revoked_by ? [" by an organization admin"] : []; // nobody else may
  }

  /** What a key may do: null is everything, an empty list nothing. */
  #allowed(scopes) {
    if (!scopes) return ["Not limited: this key may do everything that the API offers"];
    if (scopes.length === 0) return ["None: this key can only identify itself"];
    return [h("ul", { class: "plain" }, ...scopes.map((scope) => h("li", {}, h("span", {}, scope),
      this.#scopes.get(scope) ? h("span", { class: "when" }, this.#scopes.get(scope)) : null)))];
  }

  /** The e-mails about this key: [{ kind, date, sent_at, state }] where the API tells of them. */
  #notices({ notices }) {
    if (!notices?.length) return null;
    const items = notices.map(({ kind, sent_at: time, state }) => h("li", {},
      h("span", {}, [time && longTime(time), state === "sent" ? "" : FATE[state] ?? state].filter(Boolean).join(": ")),
      h("span", { class: "when" }, about(kind))));
    return h("div", {}, h("dt", {}, "Notices"), h("dd", {}, h("ul", { class: "plain" }, ...items)));
  }
}

const KIND = {
  "revoked": "because somebody else revoked it",
  "old-used": "because the old API token was still in use",
  "renewed": "because it replaced its own API token",
  "rotation-refused": "because two have the same API token",
  "retired-used": "because a replaced API token was used",
};

/** What a kind of notice is about. */
function about(kind) {
  const [, topic, days] = /^(expires|unused)-(\d+)$/.exec(kind) ?? [];
  if (!topic) return KIND[kind] ?? kind;
  const date = topic === "expires" ? "the expiry date" : "the old API token’s end, the new one not being used";
  return days === "0" ? `on ${date}` : `${countDays(Number(days))} before ${date}`;
}
