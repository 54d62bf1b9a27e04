// The panel with one key's facts: #/tokens/<id>, where the e-mails lead.

import { ago, countDays, longDate, longTime } from "./dates.js";
import { $, announce, closable, h, showError } from "./dom.js";
import { expiry, owner, statusMark } from "./list.js";

export class DetailPanel {
  #api; #handled; #list; #person; #revoke;
  #dialog = $("key");
  #id = "";
  #token = null;
  #request = new AbortController();

  constructor({ api, handled, list, person, revoke }) {
    this.#api = api;
    this.#handled = handled;
    this.#list = list;
    this.#person = person;
    this.#revoke = revoke;
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

  async open(id) {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    this.#id = id;
    const known = this.#list.find(id); // shown at once, until the API has answered
    if (known) this.#show(known);
    else this.#showInstead(h("p", { class: "muted" }, "Loading…"));
    if (!this.#dialog.open) this.#dialog.showModal();
    let token;
    try {
      token = await this.#api.get(id, signal);
    } catch (error) {
      if (!signal.aborted && !this.#handled(error)) this.#showFailure(error);
      return;
    }
    this.#list.update(token);
    this.#show(token);
    if (!known) announce(`API key ${token.name}`);
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

  /** Shows something in the place of a key's facts. */
  #showInstead(what) {
    $("key-title").textContent = "API key";
    $("key-body").replaceChildren(what);
    $("key-revoke").hidden = true;
  }

  #showFailure({ status, message }) {
    const nowhere = `There is no such API key${this.#person.admin ? " in your organization" : ", or it belongs to somebody else"}.`;
    const text = status === 404 ? nowhere : message;
    const place = h("div", { class: "notice error" });
    showError(place, text);
    this.#showInstead(place);
    announce(text);
  }

  #show(token) {
    this.#token = token;
    const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const optional = (name, value) => (value ? fact(name, value) : null);
    $("key-title").textContent = token.name;
    $("key-body").replaceChildren(h("dl", { class: "facts" }, ...[
      fact("Status", statusMark(token.status)),
      fact("API token", h("span", { class: "mono", translate: "no" }, token.hint)),
      fact("Expires", h("time", { datetime: token.expires_on }, `${longDate(token.expires_on)}, 00:00 UTC`), expiry(token)[1] ?? ""),
      fact("Created", longTime(token.created_at)),
      fact("Last used", token.last_used_at ? `${longTime(token.last_used_at)} (${ago(token.last_used_at)})` : "Never"),
      optional("Revoked", token.revoked_at && `${longTime(token.revoked_at)}${this.#by(token)}`),
      optional("Reason", token.revoke_reason),
      fact("Owner", owner(token)),
      optional("Scopes", token.scopes?.join(", ")),
      this.#notices(token),
      fact("ID", h("span", { class: "mono", translate: "no" }, token.id)),
    ].filter(Boolean)));
    $("key-revoke").hidden = token.status !== "active";
  }

  #by(token) {
    if (token.revoked_by === this.#person.id) return " by you";
    if (token.revoked_by && token.revoked_by === token.owner?.id) return ` by ${token.owner.email}`;
    return token.revoked_by ? " by an organization admin" : ""; // nobody else may
  }

  /** The e-mails about this key: [{ days_before, sent_at }] where the API tells of them. */
  #notices(token) {
    const sent = Array.isArray(token.notices) ? token.notices.filter((notice) => notice?.sent_at) : [];
    if (sent.length === 0) return null;
    const items = sent.map((notice) => h("li", {}, longTime(notice.sent_at), h("span", { class: "when" },
      notice.days_before > 0 ? `${countDays(notice.days_before)} before the expiry date` : "on the expiry date")));
    return h("div", {}, h("dt", {}, "Notices sent"), h("dd", {}, h("ul", { class: "notices" }, ...items)));
  }
}
