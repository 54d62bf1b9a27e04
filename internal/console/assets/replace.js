// The panel that replaces a key's API token: #/tokens/<id>/replace, where notices lead.

import { longTime } from "./dates.js";
import { $, busy, closable, named, showError } from "./dom.js";
import { Period } from "./period.js";
import { unusedBesideOld } from "./rotation.js";

/** What the API's refusals mean here. */
const REFUSED = {
  token_ended: "This key has expired or was revoked meanwhile. Make a new one like it.",
  rotated_meanwhile: "Somebody else has replaced the API token meanwhile. Look at the key again.",
};
const UNCERTAIN = "It isn’t certain whether the API token was replaced. Nothing is lost: the old one works, unless you chose to end it. Look at the key again.";

export class ReplacePanel {
  #api; #handled; #replaced; #changed; #closed;
  #dialog = $("replace");
  #form = $("replace-form");
  #question = $("replace-unused");
  #period = new Period(this.#form);
  #token = null;

  /**
   * replaced({ token, secret, old }) hears of the new API token and what becomes of the old
   * one; changed(id), that the key may be another; closed(id), that the panel was left.
   */
  constructor({ api, handled, replaced, changed, closed }) {
    this.#api = api;
    this.#handled = handled;
    this.#replaced = replaced;
    this.#changed = changed;
    this.#closed = closed;
    closable(this.#dialog);
    closable(this.#question);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
    this.#form.addEventListener("input", () => this.#period.showErrors([]));
    $("replace-unused-confirm").addEventListener("click", () => {
      this.#question.close();
      this.#send(this.#token.rotation.version);
    });
    this.#dialog.addEventListener("close", () => {
      this.#question.close();
      this.#period.close();
      this.#closed(this.#token.id);
    });
  }

  open(token) {
    this.#token = token;
    if (this.#dialog.open) return;
    this.#form.reset();
    this.#period.open();
    showError($("replace-error"), "");
    $("replace-name").replaceChildren(named(token.name));
    $("replace-hint").textContent = token.hint;
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  /** An API token that isn't used yet may be on its way to where it is used. */
  #ask() {
    if (!unusedBesideOld(this.#token)) return this.#send();
    $("replace-unused-made").textContent = longTime(this.#token.rotation.rotated_at);
    this.#question.showModal();
  }

  #send(replace) {
    return busy($("replace-confirm"), () => this.#replace(replace));
  }

  async #replace(replace) {
    showError($("replace-error"), "");
    this.#period.showErrors([]);
    const { value: old } = this.#form.elements.old;
    const request = { ...this.#period.request, ...(replace && { replace }) };
    if (old === "end-now") request.old_secret = old;
    else request.overlap_hours = Number(old);
    let answer;
    try {
      answer = await this.#api.rotate(this.#token.id, request);
    } catch (error) {
      if (!this.#handled(error)) await this.#showFailure(error);
      return;
    }
    this.#dialog.close();
    this.#replaced({ ...answer, old });
  }

  async #showFailure({ status, code, errors, message }) {
    const ofPeriod = errors.filter(({ pointer }) => String(pointer).startsWith("/expires"));
    if (ofPeriod.length > 0) {
      this.#period.showErrors(ofPeriod.map(({ detail }) => detail));
      this.#period.focus();
      return;
    }
    const uncertain = status === 0 || status >= 500;
    showError($("replace-error"), uncertain ? `${message} ${UNCERTAIN}` : REFUSED[code] ?? message);
    if (!uncertain && status !== 409) return;
    const token = await this.#changed(this.#token.id);
    if (token) this.#token = token;
    // Somebody else has just made one that isn't used: the question comes after all.
    if (code === "rotation_unused" && unusedBesideOld(this.#token)) {
      showError($("replace-error"), "");
      setTimeout(() => this.#ask());
    }
  }
}
