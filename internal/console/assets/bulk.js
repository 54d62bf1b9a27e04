// Selecting several keys, and revoking them in one go.

import { $, announce, busy, closable, showError } from "./dom.js";
import { count, list, names } from "./leave.js";

const AT_ONCE = 100; // that the API takes

export class Selection {
  #api; #handled; #find; #revoked;
  #ids = new Set();

  /** find(id) answers a key that is shown; revoked(ids) is called with those that no longer work. */
  constructor({ api, handled, find, revoked }) {
    this.#api = api;
    this.#handled = handled;
    this.#find = find;
    this.#revoked = revoked;
    closable($("revoke-many"));
    $("selection-revoke").addEventListener("click", () => this.#open());
    $("selection-clear").addEventListener("click", () => {
      this.clear();
      $("keys-title").focus(); // the button is gone
    });
    $("revoke-many-confirm").addEventListener("click", () => busy($("revoke-many-confirm"), () => this.#revoke()));
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** Selects a key or not, and answers whether it is. */
  set(id, selected) {
    if (selected && this.#ids.size < AT_ONCE) this.#ids.add(id);
    else this.#ids.delete(id);
    this.#show();
    if (selected && !this.has(id)) announce(`At most ${AT_ONCE} keys can be selected`);
    return this.has(id);
  }

  clear() {
    for (const box of document.querySelectorAll("#rows input[type=checkbox]")) box.checked = false;
    this.#ids.clear();
    this.#show();
  }

  /** Leaves selected only what is shown and works. */
  keep(tokens) {
    const working = new Set(tokens.filter(({ status }) => status === "active").map(({ id }) => id));
    for (const id of this.#ids) if (!working.has(id)) this.#ids.delete(id);
    this.#show();
  }

  close() {
    $("revoke-many").close();
  }

  #show() {
    const { size } = this.#ids;
    $("selection").hidden = size === 0;
    $("selection-count").textContent = `${count(size)} selected`;
    $("selection-revoke").textContent = `Revoke ${count(size)}…`;
  }

  #open() {
    const tokens = [...this.#ids].map((id) => this.#find(id)).filter(Boolean);
    $("revoke-many-title").textContent = `Revoke ${count(tokens.length)}?`;
    $("revoke-many-keys").replaceChildren(...list(tokens));
    showError($("revoke-many-error"), "");
    $("revoke-many").showModal();
  }

  async #revoke() {
    showError($("revoke-many-error"), "");
    let results;
    try {
      ({ results } = await this.#api.revokeMany([...this.#ids]));
    } catch (error) {
      if (!this.#handled(error)) showError($("revoke-many-error"), error.message);
      return;
    }
    const failed = results.filter(({ outcome }) => outcome === "failed" || outcome === "not_tried");
    this.#ids = new Set(failed.map(({ id }) => id));
    this.#show();
    this.#revoked(results.filter(({ outcome }) => outcome === "revoked" || outcome === "already_revoked").map(({ id }) => id));
    if (failed.length > 0) {
      showError($("revoke-many-error"), `${count(results.length - failed.length)} revoked, ${count(failed.length)} not: ${names(failed)}. Try again.`);
      return;
    }
    $("revoke-many").close();
    $("keys-title").focus();
    announce(`${count(results.length)} revoked`);
  }
}
