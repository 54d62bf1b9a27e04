// The panel with one key's facts: #/tokens/<id>, where the e-mails lead.

import { SessionEnded } from "./session.js";
import { ago, countDays, longDate, longTime } from "./dates.js";
import { $, closeByButtons, h, showError } from "./dom.js";
import { expiry, owner, statusMark } from "./list.js";

export class DetailPanel {
  #api; #fail; #person; #revoke; #known;
  #dialog = $("key");
  #token = null;

  constructor({ api, fail, person, revoke, known }) {
    this.#api = api;
    this.#fail = fail;
    this.#person = person;
    this.#revoke = revoke;
    this.#known = known;
    closeByButtons(this.#dialog);
    this.#dialog.addEventListener("mousedown", (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
    $("key-revoke").addEventListener("click", () => this.#revoke.open(this.#token));
    this.#dialog.addEventListener("close", () => {
      this.#token = null;
      if (location.hash.startsWith("#/tokens/")) history.replaceState(null, "", "#/");
    });
  }

  async open(id) {
    const known = this.#known(id); // shown at once, until the API has answered
    if (known) this.#show(known);
    else this.#showLoading();
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const token = await this.#api.get(id);
      if (location.hash === `#/tokens/${id}`) this.#show(token);
    } catch (error) {
      if (error instanceof SessionEnded || error.status === 403) return this.#fail(error);
      const place = h("div", { class: "notice error" });
      showError(place, error.status === 404 ? "There is no such API key, or it belongs to somebody else." : error.message);
      this.#showLoading();
      $("key-body").replaceChildren(place);
    }
  }

  close() {
    this.#dialog.close();
  }

  /** Shows a key's new state, if it is the one that is open. */
  update(token) {
    if (this.#token?.id !== token.id) return;
    this.#show(token);
    $("key-title").focus();
  }

  #showLoading() {
    this.#token = null;
    $("key-title").textContent = "API key";
    $("key-body").replaceChildren(h("p", { class: "muted" }, "Loading…"));
    $("key-revoke").hidden = true;
  }

  #show(token) {
    this.#token = token;
    const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const optional = (name, value) => (value ? fact(name, value) : null);
    $("key-title").textContent = token.name;
    $("key-body").replaceChildren(h("dl", { class: "facts" }, ...[
      fact("Status", statusMark(token.status)),
      fact("Token", h("span", { class: "mono" }, token.hint)),
      fact("Expires", h("time", { datetime: token.expires_on }, `${longDate(token.expires_on)}, 00:00 UTC`), expiry(token)[1] ?? ""),
      fact("Created", longTime(token.created_at)),
      fact("Last used", token.last_used_at ? `${longTime(token.last_used_at)} (${ago(token.last_used_at)})` : "Never"),
      optional("Revoked", token.revoked_at && `${longTime(token.revoked_at)}${this.#by(token)}`),
      optional("Reason", token.revoke_reason),
      fact("Owner", owner(token)),
      optional("Scopes", token.scopes?.join(", ")),
      this.#notices(token),
      fact("ID", h("span", { class: "mono" }, token.id)),
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
