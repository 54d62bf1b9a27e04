// The panel "Add new API key".

import { $, busy, closable, h, icon, setText, showError, waiting } from "./dom.js";
import { Period } from "./period.js";
import { withoutSecrets } from "./secrets.js";

const DRAFT = "console.draft";
const UNCERTAIN = "It isn’t certain whether the key was made. Generate it again: it won’t be made twice.";
const MADE = "This key was made already, and was used or changed since, so its token can’t be shown. Look for it in the list.";

/** Which field of the form a part of the request belongs to. */
const FIELD = {
  name: "name", period: "period", expires_on: "period", expires_in_days: "period", scopes: "scopes", self_rotation: "self-rotation",
};

export class CreatePanel {
  #api; #handled; #me; #created; #changed;
  #dialog = $("new-key");
  #form = $("new-key-form");
  #discard = $("discard");
  #period = new Period(this.#form);
  #sent = { request: "", key: "" }; // the last request, and what the API recognises it by
  #untouched = null; // what the form says before anything is typed; null while it is closed
  #after = () => {};

  /**
   * me: the id of who is signed in; created({ token, secret }) hears of the new key;
   * changed(), that the list may be another, or what the person may do.
   */
  constructor({ api, handled, config, me, created, changed }) {
    this.#api = api;
    this.#handled = handled;
    this.#me = me;
    this.#created = created;
    this.#changed = changed;
    this.#offerScopes(config.token_scopes);
    closable(this.#dialog, ({ currentTarget }) => (currentTarget.id === "new-key-cancel" ? this.close() : this.leave()));
    this.#form.addEventListener("input", ({ target }) => {
      this.#showFieldErrors(FIELD[target.name], []);
      if (target.name === "name") this.#takeSecretsOut(target);
      this.#showScopes();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy($("generate"), () => this.#submit());
    });
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (!waiting()) this.leave();
    });
    this.#dialog.addEventListener("close", () => {
      if (this.touched) { // browsers let a second Escape through, whatever a page says to it
        this.#dialog.showModal();
        if (!waiting()) this.leave();
        return;
      }
      this.#untouched = null;
      this.#form.reset();
      this.#period.close();
      if (location.hash.startsWith("#/new")) history.replaceState(null, "", "#/");
    });
    closable(this.#discard);
    $("discard-confirm").addEventListener("click", () => {
      this.close();
      this.#after();
    });
  }

  /** like: the key that the new one is to be like, if there is one. */
  open(like = null) {
    if (this.#dialog.open) return;
    this.#form.reset();
    this.#period.open();
    this.#showErrors([]);
    if (like) this.#fillIn(like);
    this.#untouched = this.#typed();
    this.#restoreDraft();
    this.#period.show();
    this.#showScopes();
    this.#dialog.showModal();
    $("key-name").focus();
  }

  /** Closes the form without a question. */
  close() {
    this.#untouched = null;
    this.#discard.close();
    this.#dialog.close();
  }

  /** Whether the form is open and something was typed that closing it would lose. */
  get touched() {
    return this.#untouched !== null && this.#typed() !== this.#untouched;
  }

  /** Closes the form, after a question if something was typed, and then goes on. */
  leave(after = () => {}) {
    this.#after = after;
    if (this.touched) {
      this.#discard.close(); // it may lie below the form, which has been opened again
      this.#discard.showModal();
      return;
    }
    this.close();
    after();
  }

  /** Keeps what was typed over a new sign-in. */
  keepDraft() {
    if (!this.#dialog.open) return;
    const typed = new FormData(this.#form);
    sessionStorage.setItem(DRAFT, JSON.stringify({
      by: this.#me, name: typed.get("name"), period: typed.get("period"), expires_on: typed.get("expires_on"), scopes: typed.getAll("scopes"),
      self_rotation: typed.has("self_rotation"),
    }));
  }

  dropDraft() {
    sessionStorage.removeItem(DRAFT);
  }

  #typed() {
    return new URLSearchParams(new FormData(this.#form)).toString();
  }

  #restoreDraft() {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    this.dropDraft();
    if (draft?.by !== this.#me) return; // somebody else has signed in meanwhile
    const fields = this.#form.elements;
    fields.period.value = draft.period;
    fields.expires_on.value = draft.expires_on;
    this.#fillIn(draft);
  }

  #fillIn({ name, scopes, self_rotation: itself }) {
    const fields = this.#form.elements;
    fields.name.value = name;
    fields.self_rotation.checked = itself;
    for (const box of this.#form.querySelectorAll("[name=scopes]")) box.checked = scopes?.includes(box.value) ?? false;
  }

  #offerScopes(scopes) {
    $("scopes").hidden = scopes.length === 0;
    $("unlimited").hidden = scopes.length > 0;
    $("scope-choices").replaceChildren(...scopes.map(({ name, description }) =>
      h("label", { class: "choice" }, h("input", { type: "checkbox", name: "scopes", value: name }),
        h("span", { class: "choice-text" }, h("span", {}, name), description ? h("span", { class: "muted" }, description) : null))));
  }

  /** Says what it means that no scope is ticked: not "everything". */
  #showScopes() {
    const none = new FormData(this.#form).getAll("scopes").length === 0;
    setText($("scopes-summary"), none
      ? "None is chosen: the key can only identify itself, and do nothing else."
      : "The key can do what is chosen, and nothing else.");
  }

  /** A secret is no name: its id stays, which can be seen to be none. */
  #takeSecretsOut(input) {
    const clean = withoutSecrets(input.value);
    if (clean === input.value) return;
    input.value = clean;
    this.#showFieldErrors("name", ["That was an API token, which must stay secret. Give the key a name that says what it is for."]);
  }

  async #submit() {
    this.#showErrors([]);
    const typed = new FormData(this.#form);
    const request = { name: typed.get("name"), ...this.#period.request };
    if (typed.has("self_rotation")) request.self_rotation = true;
    // Where scopes are on offer, none means none.
    if (!$("scopes").hidden) request.scopes = typed.getAll("scopes");
    // The same request has the same key until there is an answer to it.
    const said = JSON.stringify(request);
    if (said !== this.#sent.request) this.#sent = { request: said, key: crypto.randomUUID() };
    let answer;
    try {
      answer = await this.#api.issue(request, this.#sent.key);
    } catch (error) {
      if (!this.#handled(error)) this.#showFailure(error);
      return;
    }
    this.#sent = { request: "", key: "" };
    this.close();
    this.#created(answer);
  }

  #showFailure({ status, code, errors, message }) {
    const uncertain = status === 0 || status >= 500;
    if (!uncertain) this.#sent = { request: "", key: "" };
    if (code === "already_issued") message = MADE;
    this.#showErrors(errors, uncertain ? `${message} ${UNCERTAIN}` : message);
    if (uncertain || status === 403 || code === "already_issued") this.#changed();
  }

  /** Puts the API's field errors at their fields, and what has no field above the buttons. */
  #showErrors(errors, otherwise = "") {
    const texts = { name: [], period: [], scopes: [], "self-rotation": [] };
    const rest = [];
    for (const { pointer, detail } of errors) (texts[FIELD[String(pointer).split("/")[1]]] ?? rest).push(detail);
    for (const [field, details] of Object.entries(texts)) this.#showFieldErrors(field, details);
    const found = Object.values(texts).some((details) => details.length > 0);
    showError($("new-key-error"), rest.join(" ") || (found ? "" : otherwise));

    if (texts.name.length > 0) $("key-name").focus();
    else if (texts.period.length > 0) this.#period.focus();
    else if (texts.scopes.length > 0) this.#form.querySelector("[name=scopes]").focus();
    else if (texts["self-rotation"].length > 0) this.#form.elements.self_rotation.focus();
  }

  #showFieldErrors(field, texts) {
    if (field === "period") return this.#period.showErrors(texts);
    const wrong = texts.length > 0;
    if (field === "name") {
      if (wrong) $("key-name").setAttribute("aria-invalid", "true");
      else $("key-name").removeAttribute("aria-invalid");
    }
    const place = $(`${field === "name" ? "key-name" : field}-error`);
    place.hidden = !wrong;
    place.replaceChildren(...(wrong ? [icon("error"), h("span", {}, texts.join(" "))] : []));
  }
}
