// What an admin does when somebody leaves the organization, and when they return.

import { ago, shortDate } from "./dates.js";
import { $, address, announce, busy, closable, h, named, showError } from "./dom.js";

const SHOWN = 10; // names of keys; a person may have 200

export class LeaveDialog {
  #api; #handled; #changed;
  #dialog = $("leave");
  #person = null;
  #request = 0;

  /** changed(text) is called once what the list shows has changed. */
  constructor({ api, handled, changed }) {
    this.#api = api;
    this.#handled = handled;
    this.#changed = changed;
    closable(this.#dialog);
    $("leave-confirm").addEventListener("click", () => busy($("leave-confirm"), () => this.#leave()));
    closable($("return"));
    $("return-confirm").addEventListener("click", () => busy($("return-confirm"), () => this.#return()));
  }

  /** Shows what the person's leaving would end, or asks whether they have returned. */
  async open({ id, email, left }) {
    this.#person = { id, email };
    const request = ++this.#request;
    const dialog = left ? $("return") : this.#dialog;
    for (const place of dialog.querySelectorAll("[data-leaver]")) place.replaceChildren(address(email || id));
    showError($("return-error"), "");
    showError($("leave-error"), "");
    $("leave-confirm").disabled = true;
    $("leave-keys").replaceChildren(h("p", { class: "muted" }, "Looking for keys…"));
    dialog.showModal();
    if (left) return;
    try {
      const { tokens } = await this.#api.leave(id, true);
      if (request !== this.#request) return;
      $("leave-keys").replaceChildren(...keys(tokens));
      $("leave-confirm").disabled = false;
      announce(summary(tokens));
    } catch (error) {
      if (request !== this.#request) return;
      $("leave-keys").replaceChildren();
      if (!this.#handled(error)) showError($("leave-error"), error.message);
    }
  }

  close() {
    this.#request += 1;
    this.#dialog.close();
    $("return").close();
  }

  async #leave() {
    const { id, email } = this.#person;
    showError($("leave-error"), "");
    let answer;
    try {
      answer = await this.#api.leave(id, false);
    } catch (error) {
      if (!this.#handled(error)) showError($("leave-error"), error.message);
      return;
    }
    const isOver = ({ outcome }) => outcome === "revoked" || outcome === "already_revoked";
    const working = answer.results.filter((result) => !isOver(result));
    const ended = answer.results.filter(isOver).map(({ id: key }) => key);
    if (working.length > 0) {
      showError($("leave-error"), `Marked as left, but ${count(working.length)} couldn’t be revoked yet: ${names(working)}. Try again.`);
      this.#changed("", ended);
      return;
    }
    this.#dialog.close();
    this.#changed(`${email || id} marked as left, ${count(ended.length)} revoked`, ended);
  }

  async #return() {
    const { id, email } = this.#person;
    showError($("return-error"), "");
    try {
      await this.#api.return(id);
    } catch (error) {
      if (!this.#handled(error)) showError($("return-error"), error.message);
      return;
    }
    $("return").close();
    this.#changed(`${email || id} may have API keys again`);
  }
}

/** The keys that leaving would end. */
function keys(tokens) {
  return [h("p", {}, summary(tokens)), ...list(tokens)];
}

function summary(tokens) {
  if (tokens.length === 0) return "No API key that works.";
  const recent = tokens.filter(({ last_used_at: at }) => at && Date.now() - Date.parse(at) < 30 * 24 * 3600 * 1000).length;
  return `${count(tokens.length)} will stop working at once; ${recent === 0 ? "none" : recent} used in the last 30 days.`;
}

/** The names of keys, and when each was last used. */
export function list(tokens) {
  if (tokens.length === 0) return [];
  const items = tokens.slice(0, SHOWN).map((token) => h("li", {},
    named(token.name), h("span", { class: "when" }, token.last_used_at ? `last used ${ago(token.last_used_at)}` : "never used", `, expires ${shortDate(token.expires_on)}`)));
  if (tokens.length > SHOWN) items.push(h("li", { class: "muted" }, `and ${tokens.length - SHOWN} more`));
  return [h("ul", { class: "plain leaving" }, ...items)];
}

export const names = (results) => results.map(({ name, id }) => name ?? id).join(", ");

export const count = (n) => `${n} API ${n === 1 ? "key" : "keys"}`;
