// The panel "Add new API key".

import { SessionEnded } from "./session.js";
import { countDays, datePlus, daysUntil, longDate, shortDate } from "./dates.js";
import { $, busy, closeByButtons, h, icon, showError } from "./dom.js";

const DRAFT = "console.draft";
const MAX_DAYS = 365;

export class CreatePanel {
  #api; #fail; #created;
  #dialog = $("new-key");
  #form = $("new-key-form");

  constructor({ api, fail, config, created }) {
    this.#api = api;
    this.#fail = fail;
    this.#created = created;
    this.#offerScopes(config.token_scopes);
    closeByButtons(this.#dialog);
    this.#form.addEventListener("input", () => this.#showPeriod());
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
      name: typed.get("name"), period: typed.get("period"), expires_on: typed.get("expires_on"), scopes: typed.getAll("scopes"),
    }));
  }

  #restoreDraft() {
    const draft = JSON.parse(sessionStorage.getItem(DRAFT) ?? "null");
    sessionStorage.removeItem(DRAFT);
    if (!draft) return;
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
    const text = date
      ? `The key stops working on ${longDate(date)} at 00:00 UTC, ${countDays(daysUntil(date))} from today.`
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
    try {
      const answer = await this.#api.issue(request);
      this.#dialog.close();
      this.#created(answer);
    } catch (error) {
      if (error instanceof SessionEnded || error.status === 403) return this.#fail(error);
      this.#showErrors(error.errors ?? [], error.message);
    }
  }

  /** Puts the API's field errors at their fields, and what has no field above the form. */
  #showErrors(errors, otherwise = "") {
    const rest = [];
    const texts = { name: [], period: [], scopes: [] };
    for (const { pointer, detail } of errors) {
      const field = String(pointer).split("/")[1];
      if (field === "name" || field === "scopes") texts[field].push(detail);
      else if (field === "expires_on" || field === "expires_in_days") texts.period.push(detail);
      else rest.push(detail);
    }
    const custom = this.#form.elements.period.value === "custom";
    this.#showFieldError($("key-name"), $("key-name-error"), texts.name);
    this.#showFieldError($("period"), $("period-error"), texts.period);
    this.#showFieldError($("expires-on"), null, custom ? texts.period : []);
    this.#showFieldError(null, $("scopes-error"), texts.scopes);
    const found = Object.values(texts).some((text) => text.length > 0);
    showError($("new-key-error"), rest.join(" ") || (found ? "" : otherwise));

    if (texts.name.length > 0) $("key-name").focus();
    else if (texts.period.length > 0) this.#form.querySelector(custom ? "#expires-on" : "[name=period]:checked").focus();
    else if (texts.scopes.length > 0) this.#form.querySelector("[name=scopes]").focus();
  }

  #showFieldError(field, place, texts) {
    if (texts.length > 0) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
    if (!place) return;
    place.hidden = texts.length === 0;
    place.replaceChildren(...(texts.length > 0 ? [icon("error"), h("span", {}, texts.join(" "))] : []));
  }
}
