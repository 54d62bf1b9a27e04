// What a key's last rotation means, in words.

import { ago, isPast, longTime, within } from "./dates.js";
import { $, announce, busy, closable, h, icon, showError } from "./dom.js";

/** Whether a key's new API token wasn't used yet and the old one works. */
export const unusedBesideOld = ({ status, rotation }) =>
  status === "active" && rotation !== null && !rotation.new_secret_used_at && oldWorks(rotation);

const oldWorks = ({ old_secret_ends_at: end }) => !isPast(end);

/** When something was used, and from which network. */
export const used = (at, from) => `${longTime(at)} (${ago(at)})${from ? ` from ${from}` : ""}`;

/** Says how far the change to a new API token has come; null if there is nothing to say. */
export function progress({ status, rotation }, takeBack) {
  if (status !== "active" || !rotation) return null;
  const end = longTime(rotation.old_secret_ends_at);
  const hint = h("span", { class: "mono", translate: "no" }, rotation.old_hint);
  const oldUse = rotation.old_secret_used_at
    ? `It was last used ${used(rotation.old_secret_used_at, rotation.old_secret_used_from)}.` : "It was never used.";
  if (!rotation.new_secret_used_at) {
    if (oldWorks(rotation)) {
      const button = h("button", { type: "button", class: "button small", id: "take-back-open" }, "Take the new one back");
      button.addEventListener("click", takeBack);
      return notice("", "expired", "New API token not used yet",
        [h("p", {}, "The old one, ", hint, `, works until ${end}. ${oldUse}`), h("div", { class: "row" }, button)]);
    }
    return rotation.overlap_hours > 0
      ? notice("warn", "warning", "New API token not used yet", [h("p", {}, "The old one, ", hint, `, ended on ${end}.`)]) : null;
  }
  const first = `First used ${used(rotation.new_secret_used_at, rotation.new_secret_used_from)}.`;
  if (!oldWorks(rotation)) return null;
  const stillUsed = Date.parse(rotation.old_secret_used_at ?? "") > Date.parse(rotation.new_secret_used_at);
  const warn = stillUsed && within(rotation.old_secret_ends_at, 24);
  return notice(warn ? "warn" : "", warn ? "warning" : "active", warn ? "The old API token is still in use" : "New API token in use",
    [h("p", {}, first), h("p", {}, "The old one, ", hint, `, ends on ${end}. ${oldUse}`)]);
}

/** One line on a rotation that is over, for the key's facts; null if there is none. */
export function replaced({ id, rotation }) {
  if (!rotation) return null;
  const by = rotation.rotated_by === id ? ", by itself" : "";
  return `${longTime(rotation.rotated_at)}${by}${oldWorks(rotation) ? "" : `; the old one ended on ${longTime(rotation.old_secret_ends_at)}`}`;
}

const notice = (kind, mark, title, text) => h("div", { class: `notice rotation ${kind}` }, icon(mark), h("div", {}, h("h3", {}, title), ...text));

/** The question before a new API token is taken back. */
export class TakeBackDialog {
  #api; #handled; #takenBack;
  #dialog = $("take-back");
  #token = null;

  constructor({ api, handled, takenBack }) {
    this.#api = api;
    this.#handled = handled;
    this.#takenBack = takenBack;
    closable(this.#dialog);
    $("take-back-confirm").addEventListener("click", () => busy($("take-back-confirm"), () => this.#takeBack()));
  }

  open(token) {
    this.#token = token;
    $("take-back-until").textContent = longTime(token.rotation.old_secret_ends_at);
    showError($("take-back-error"), "");
    this.#dialog.showModal();
  }

  close() {
    this.#dialog.close();
  }

  async #takeBack() {
    let token;
    showError($("take-back-error"), "");
    try {
      token = await this.#api.cancelRotation(this.#token.id);
    } catch (error) {
      const { code, message } = error;
      if (!this.#handled(error)) showError($("take-back-error"), code === "rotation_used" ? "The new API token is in use by now." : message);
      return;
    }
    this.#dialog.close();
    this.#takenBack(token);
    announce("The new API token was taken back");
  }
}
