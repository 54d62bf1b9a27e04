// The panel "Add new API key".

import { countDays, datePlus, daysUntil, longDate, shortDate } from "./dates.js";
import { $, busy, closable, h, icon, showError } from "./dom.js";

const DRAFT = "console.draft";
const MAX_DAYS = 365;
const UNCERTAIN = "It isn’t certain whether the key was made, so look in the list first, and revoke a key whose token you don’t have.";

/** Which field of the form a part of the request belongs to. */
const FIELD = { name: "name", period: "period", expires_on: "period", expires_in_days: "period", scopes: "scopes" };

export class CreatePanel {
  #api; #handled; #person; #created; #uncertain;
  #dialog = $("new-key");
  #form = $("new-key-form");

  constructor({ api, handled, config, person, created, uncertain }) {
    this.#api = api;
    this.#handled = handled;
    this.#person = person;
    this.#created = created;
    this.#uncertain = uncertain;
    this.#offerScopes(config.token_scopes);
    closable(this.#dialog);
    this.#form.addEventListener("input", (event) => {
      this.#showFieldErrors(FIELD[event.target.name], []);
      this.#showPeriod();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy($("generate"), () => this.#submit());
    });
    this.#dialog.addEventListener("close", () => {
      if (location.hash === "#/new") history.replaceState(null, "", "#/");
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#form.reset();
    this.#showErrors([]);
    this.#restoreDraft();
    const date = this.#form.elements.expires_on;
    date.min = datePlus(1);
    date.max = datePlus(MAX_DAYS);
    for (const place of this.#form.querySelectorAll("[data-date]")) place.textContent = `until ${shortDate(datePlus(Number(place.dataset.date)))}`;
    this.#showPeriod();
    this.#dialog.showModal();
    $("key-name").focus();
  }

  close() {
    this.#dialog.close();
  }

  /** Keeps what was typed over a new sign-in. */
  keepDraft() {
    if (!this.#dialog.open) return;
    const typed = new FormData(this.#form);
    sessionStorage.setItem(DRAFT, JSON.stringify({
      by: this.#person.id, name: typed.get("name"), period: typed.get("period"), expires_on: typed.get("expires_on"), scopes: typed.getAll("scopes"),
    }));
  }

  #restoreDraft() {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    sessionStorage.removeItem(DRAFT);
    if (draft?.by !== this.#person.id) return; // somebody else has signed in meanwhile
    const fields = this.#form.elements;
    fields.name.value = draft.name;
    fields.period.value = draft.period;
    fields.expires_on.value = draft.expires_on;
    for (const box of this.#form.querySelectorAll("[name=scopes]")) box.checked = draft.scopes.includes(box.value);
  }

  #offerScopes(scopes) {
    $("scopes").hidden = scopes.length === 0;
    $("scope-choices").replaceChildren(...scopes.map((scope) =>
      h("label", { class: "choice" }, h("input", { type: "checkbox", name: "scopes", value: scope }), h("span", { class: "choice-text" }, scope))));
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
    if ($("period-summary").textContent !== text) $("period-summary").textContent = text;
  }

  async #submit() {
    this.#showErrors([]);
    const typed = new FormData(this.#form);
    const period = typed.get("period");
    const request = { name: typed.get("name") };
    if (period === "custom") request.expires_on = typed.get("expires_on");
    else request.expires_in_days = Number(period);
    if (typed.has("scopes")) request.scopes = typed.getAll("scopes");
    let answer;
    try {
      answer = await this.#api.issue(request);
    } catch (error) {
      if (!this.#handled(error)) this.#showFailure(error);
      return;
    }
    this.#dialog.close();
    this.#created(answer);
  }

  #showFailure({ status, errors, message }) {
    const uncertain = status === 0 || status >= 500;
    this.#showErrors(errors, uncertain ? `${message} ${UNCERTAIN}` : message);
    if (uncertain) this.#uncertain();
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
