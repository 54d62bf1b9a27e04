// The panel "Add new API key".

import { countDays, datePlus, daysUntil, longDate, shortDate } from "./dates.js";
import { $, busy, closable, h, icon, showError, waiting } from "./dom.js";
import { withoutSecrets } from "./secrets.js";

const DRAFT = "console.draft";
const MAX_DAYS = 365;
const UNCERTAIN = "It isn’t certain whether the key was made, so look in the list first, and revoke a key whose token you don’t have.";

/** Which field of the form a part of the request belongs to. */
const FIELD = { name: "name", period: "period", expires_on: "period", expires_in_days: "period", scopes: "scopes" };

export class CreatePanel {
  #api; #handled; #me; #created; #changed;
  #dialog = $("new-key");
  #form = $("new-key-form");
  #discard = $("discard");
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
      this.#showPeriod();
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
      if (location.hash === "#/new") history.replaceState(null, "", "#/");
    });
    closable(this.#discard);
    $("discard-confirm").addEventListener("click", () => {
      this.close();
      this.#after();
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#form.reset();
    this.#showErrors([]);
    this.#untouched = this.#typed();
    this.#restoreDraft();
    const date = this.#form.elements.expires_on;
    date.min = datePlus(1);
    date.max = datePlus(MAX_DAYS);
    for (const place of this.#form.querySelectorAll("[data-date]")) place.textContent = `until ${shortDate(datePlus(Number(place.dataset.date)))}`;
    this.#showPeriod();
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
    fields.name.value = draft.name;
    fields.period.value = draft.period;
    fields.expires_on.value = draft.expires_on;
    for (const box of this.#form.querySelectorAll("[name=scopes]")) box.checked = draft.scopes.includes(box.value);
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

  #showPeriod() {
    const { period, expires_on: chosen } = this.#form.elements;
    const custom = period.value === "custom";
    $("custom").hidden = !custom;
    const date = custom ? chosen.value : datePlus(Number(period.value));
    const days = daysUntil(date);
    const text = days >= 1 && days <= MAX_DAYS
      ? `The key stops working on ${longDate(date)} at 00:00 UTC, ${countDays(days)} from today.`
      : "Choose the day on which the key stops working: tomorrow at the earliest, in 365 days at the latest.";
    setText($("period-summary"), text);
  }

  async #submit() {
    this.#showErrors([]);
    const typed = new FormData(this.#form);
    const period = typed.get("period");
    const request = { name: typed.get("name") };
    if (period === "custom") request.expires_on = typed.get("expires_on");
    else request.expires_in_days = Number(period);
    // Where scopes are on offer, none means none.
    if (!$("scopes").hidden) request.scopes = typed.getAll("scopes");
    let answer;
    try {
      answer = await this.#api.issue(request);
    } catch (error) {
      if (!this.#handled(error)) this.#showFailure(error);
      return;
    }
    this.close();
    this.#created(answer);
  }

  #showFailure({ status, errors, message }) {
    const uncertain = status === 0 || status >= 500;
    this.#showErrors(errors, uncertain ? `${message} ${UNCERTAIN}` : message);
    if (uncertain || status === 403) this.#changed();
  }

  /** Puts the API's field errors at their fields, and what has no field above the buttons. */
  #showErrors(errors, otherwise = "") {
    const texts = { name: [], period: [], scopes: [] };
    const rest = [];
    for (const { pointer, detail } of errors) (texts[FIELD[String(pointer).split("/")[1]]] ?? rest).push(detail);
    const { period, expires_on: date } = this.#form.elements;
    const custom = period.value === "custom";
    // The API would speak of the date's spelling, which a date picker keeps to itself.
    if (texts.period.length > 0 && custom && !date.value) texts.period = ["Choose an expiry date."];
    for (const [field, details] of Object.entries(texts)) this.#showFieldErrors(field, details);
    const found = Object.values(texts).some((details) => details.length > 0);
    showError($("new-key-error"), rest.join(" ") || (found ? "" : otherwise));

    if (texts.name.length > 0) $("key-name").focus();
    else if (texts.period.length > 0) this.#form.querySelector(custom ? "#expires-on" : "[name=period]:checked").focus();
    else if (texts.scopes.length > 0) this.#form.querySelector("[name=scopes]").focus();
  }

  #showFieldErrors(field, texts) {
    const wrong = texts.length > 0;
    const inputs = { name: [$("key-name")], period: [$("period"), $("expires-on")], scopes: [] }[field];
    for (const input of inputs) {
      if (wrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    const place = $(`${field === "name" ? "key-name" : field}-error`);
    place.hidden = !wrong;
    place.replaceChildren(...(wrong ? [icon("error"), h("span", {}, texts.join(" "))] : []));
  }
}

/** Sets a text that is spoken when it changes, and only then. */
function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
