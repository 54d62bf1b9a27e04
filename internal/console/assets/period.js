// The choice of how long an API token lives, which the forms for a new key and a new token share.

import { countDays, datePlus, daysUntil, longDate, shortDate } from "./dates.js";
import { $, h, icon, setText } from "./dom.js";

const MAX_DAYS = 365;

export class Period {
  #place; #form;

  /** form: has a place for it. It is there while the form is open. */
  constructor(form) {
    this.#form = form;
    this.#place = form.querySelector("[data-period]");
    form.addEventListener("input", () => this.show());
  }

  open() {
    this.#place.replaceChildren($("period-template").content.cloneNode(true));
    const date = this.#form.elements.expires_on;
    date.min = datePlus(1);
    date.max = datePlus(MAX_DAYS);
    for (const place of this.#place.querySelectorAll("[data-date]")) place.textContent = `until ${shortDate(datePlus(Number(place.dataset.date)))}`;
    this.show();
  }

  close() {
    this.#place.replaceChildren();
  }

  /** Says which date the choice comes to. */
  show() {
    if (!this.#form.elements.period) return;
    const { period, expires_on: chosen } = this.#form.elements;
    $("custom").hidden = !this.#custom;
    const date = this.#custom ? chosen.value : datePlus(Number(period.value));
    const days = daysUntil(date);
    const text = days >= 1 && days <= MAX_DAYS
      ? `The key stops working on ${longDate(date)} at 00:00 UTC, ${countDays(days)} from today.`
      : "Choose the day on which the key stops working: tomorrow at the earliest, in 365 days at the latest.";
    setText($("period-summary"), text);
  }

  /** What the API takes. */
  get request() {
    const { period, expires_on: date } = this.#form.elements;
    return this.#custom ? { expires_on: date.value } : { expires_in_days: Number(period.value) };
  }

  /** Shows what is wrong with the choice; without texts, nothing is. */
  showErrors(texts) {
    const wrong = texts.length > 0;
    for (const input of [$("period"), $("expires-on")]) {
      if (wrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    // The API would speak of the date's spelling, which a date picker keeps to itself.
    const text = this.#custom && !$("expires-on").value ? "Choose an expiry date." : texts.join(" ");
    $("period-error").hidden = !wrong;
    $("period-error").replaceChildren(...(wrong ? [icon("error"), h("span", {}, text)] : []));
  }

  focus() {
    this.#form.querySelector(this.#custom ? "#expires-on" : "[name=period]:checked").focus();
  }

  get #custom() {
    return this.#form.elements.period.value === "custom";
  }
}
