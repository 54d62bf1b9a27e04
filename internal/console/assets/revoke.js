// The question before a key is revoked.

import { SessionEnded } from "./session.js";
import { $, announce, busy, showError } from "./dom.js";

export class RevokeDialog {
  #api; #fail; #revoked;
  #dialog = $("revoke");
  #token = null;

  constructor({ api, fail, revoked }) {
    this.#api = api;
    this.#fail = fail;
    this.#revoked = revoked;
    $("revoke-cancel").addEventListener("click", () => this.#dialog.close());
    $("revoke-confirm").addEventListener("click", () => busy($("revoke-confirm"), () => this.#revoke()));
  }

  open(token) {
    this.#token = token;
    $("revoke-name").textContent = token.name;
    $("revoke-hint").textContent = token.hint;
    showError($("revoke-error"), "");
    this.#dialog.showModal();
  }

  async #revoke() {
    try {
      const token = await this.#api.revoke(this.#token.id);
      this.#dialog.close();
      this.#revoked(token);
      announce(`API key ${token.name} revoked`);
    } catch (error) {
      if (error instanceof SessionEnded || error.status === 403) return this.#fail(error);
      showError($("revoke-error"), error.message);
    }
  }
}
