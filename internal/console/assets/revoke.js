// The question before a key is revoked.

import { $, announce, busy, closable, named, showError } from "./dom.js";

export class RevokeDialog {
  #api; #handled; #revoked;
  #dialog = $("revoke");
  #token = null;

  constructor({ api, handled, revoked }) {
    this.#api = api;
    this.#handled = handled;
    this.#revoked = revoked;
    closable(this.#dialog);
    $("revoke-confirm").addEventListener("click", () => busy($("revoke-confirm"), () => this.#revoke()));
  }

  open(token) {
    this.#token = token;
    $("revoke-name").replaceChildren(named(token.name));
    $("revoke-hint").textContent = token.hint;
    showError($("revoke-error"), "");
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  async #revoke() {
    let token;
    showError($("revoke-error"), "");
    try {
      token = await this.#api.revoke(this.#token.id);
    } catch (error) {
      if (!this.#handled(error)) showError($("revoke-error"), error.message);
      return;
    }
    this.#dialog.close();
    this.#revoked(token);
    announce(`API key ${token.name} revoked`);
  }
}
