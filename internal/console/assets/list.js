// The list of keys: filters, rows, load more.

import { SessionEnded } from "./session.js";
import { ago, daysUntil, inDays, shortDate } from "./dates.js";
import { $, announce, busy, h, icon } from "./dom.js";

/** From so many days before it expires, a key carries a warning mark. */
const WARNING_DAYS = 15;
const VIEW = "console.filters";
const STATUS = { active: "Active", expired: "Expired", revoked: "Revoked" };

export const statusMark = (status) => h("span", { class: `status ${status}` }, icon(status), STATUS[status] ?? status);

/** A token's expiry with what it means today, and a warning mark when it is near. */
export function expiry(token) {
  const soon = token.status === "active" && daysUntil(token.expires_on) <= WARNING_DAYS;
  return [
    h("time", { datetime: token.expires_on }, shortDate(token.expires_on)),
    token.status === "revoked" ? null : h("span", { class: soon ? "when soon" : "when" },
      soon ? icon("warning") : null, soon ? h("span", { class: "hidden-text" }, "Expires soon: ") : null, inDays(token.expires_on)),
  ];
}

/** A token's owner, with a note where notices can't reach them. */
export const owner = (token) => [
  h("span", { class: "address" }, token.owner?.email || token.owner?.id || "Unknown"),
  token.owner?.undeliverable ? h("span", { class: "when soon" }, icon("mail"), "Notices can’t reach this address") : null,
];

export class List {
  #api; #fail; #person; #revoke;
  #tokens = [];
  #cursor = "";
  #request = new AbortController();

  constructor({ api, fail, person, revoke }) {
    this.#api = api;
    this.#fail = fail;
    this.#person = person;
    this.#revoke = revoke;
    $("filter-owner").hidden = !person.admin;
    this.#restoreFilters();

    let typing;
    const filters = $("filters");
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.addEventListener("input", (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => this.load(), event.target.type === "search" ? 250 : 0);
    });
    $("clear-filters").addEventListener("click", () => {
      this.#clearFilters();
      filters.elements.q.focus();
      this.load();
    });
    $("list-again").addEventListener("click", () => busy($("list-again"), () => this.load()));
    $("more").addEventListener("click", () => busy($("more"), () => this.#loadMore()));
    addEventListener("pageshow", (event) => { if (event.persisted) this.load(); });
  }

  /** Loads the first page for the filters as they are set. */
  async load() {
    this.#request.abort(); // an answer to an older question must not replace a newer one
    this.#request = new AbortController();
    const filter = this.#filter();
    sessionStorage.setItem(VIEW, JSON.stringify(filter));
    const page = await this.#ask(filter, this.#request.signal);
    if (!page) return;
    this.#tokens = page.tokens;
    this.#cursor = page.next_cursor ?? "";
    this.#render();
    announce(this.#tokens.length === 0 ? "No API keys" : `${this.#count(this.#tokens.length)} shown${this.#cursor ? ", more can be loaded" : ""}`);
  }

  /** Shows a key that was just made: the filters must not hide it. */
  async showNew(token) {
    this.#clearFilters();
    await this.load();
    this.#focus(token.id);
  }

  /** A key of those that are shown. */
  find(id) {
    return this.#tokens.find((token) => token.id === id);
  }

  /** Shows a key's new state in its row at once. */
  update(token) {
    const at = this.#tokens.findIndex((known) => known.id === token.id);
    if (at < 0) return;
    this.#tokens[at] = token;
    $("rows").children[at].replaceWith(this.#row(token));
    if (!document.querySelector("dialog[open]")) this.#focus(token.id);
  }

  async #loadMore() {
    const before = this.#tokens.length;
    const page = await this.#ask({ ...this.#filter(), cursor: this.#cursor }, this.#request.signal);
    if (!page) return;
    this.#tokens.push(...page.tokens);
    this.#cursor = page.next_cursor ?? "";
    this.#render();
    announce(`${this.#count(page.tokens.length)} more, ${this.#tokens.length} shown`);
    if (!this.#cursor && this.#tokens.length > before) this.#focus(this.#tokens[before].id);
  }

  async #ask(filter, signal) {
    const card = $("keys").parentElement;
    card.setAttribute("aria-busy", "true");
    try {
      let page = await this.#api.list(filter, signal);
      while (page.tokens.length === 0 && page.next_cursor) { // a filter may match nothing in a whole page
        page = await this.#api.list({ ...filter, cursor: page.next_cursor }, signal);
      }
      $("list-error").hidden = true;
      return page;
    } catch (error) {
      if (signal.aborted) return null;
      if (error instanceof SessionEnded || error.status === 403) return this.#fail(error);
      $("list-error").hidden = false;
      $("list-error-text").textContent = error.message;
      announce(error.message);
      return null;
    } finally {
      if (!signal.aborted) card.removeAttribute("aria-busy");
    }
  }

  #render() {
    const none = this.#tokens.length === 0;
    const { status, q } = this.#filter();
    $("rows").replaceChildren(...this.#tokens.map((token) => this.#row(token)));
    $("keys").hidden = none;
    $("keys").classList.toggle("with-owner", this.#filter().owner === "all");
    $("empty-none").hidden = !none || Boolean(status || q);
    $("empty-filtered").hidden = !none || !(status || q);
    $("more").hidden = !this.#cursor;
  }

  #row(token) {
    const cell = (label, attributes, ...children) => h("td", { role: "cell", "data-label": label, ...attributes }, ...children);
    const action = token.status === "active"
      ? h("button", { type: "button", class: "button small danger-quiet", "aria-label": `Revoke API key ${token.name}`, onclick: () => this.#revoke.open(token) }, "Revoke")
      : null;
    return h("tr", { role: "row", "data-id": token.id },
      h("th", { role: "rowheader", scope: "row" },
        h("a", { class: "name", href: `#/tokens/${token.id}` }, token.name),
        h("span", { class: "mono muted hint" }, token.hint)),
      cell("Status", {}, statusMark(token.status)),
      cell("Created", {}, h("time", { datetime: token.created_at }, shortDate(token.created_at))),
      cell("Expires", { class: "expires" }, expiry(token)),
      cell("Last used", {}, token.last_used_at ? h("time", { datetime: token.last_used_at }, ago(token.last_used_at)) : h("span", { class: "muted" }, "Never")),
      cell("Owner", { class: "owner" }, owner(token)),
      cell("Action", { class: "action" }, action));
  }

  #focus(id) {
    document.querySelector(`[data-id="${CSS.escape(id)}"] .name`)?.focus();
  }

  #count(n) {
    return `${n} API ${n === 1 ? "key" : "keys"}`;
  }

  #filter() {
    const { owner: who, status, q } = Object.fromEntries(new FormData($("filters")));
    return { owner: this.#person.admin ? who : "", status, q: q.trim() };
  }

  #clearFilters() {
    const filters = $("filters").elements;
    filters.status.value = "";
    filters.q.value = "";
  }

  #restoreFilters() {
    const filters = $("filters").elements;
    const kept = JSON.parse(sessionStorage.getItem(VIEW) ?? "{}");
    filters.owner.value = this.#person.admin ? kept.owner ?? "" : "";
    filters.status.value = kept.status ?? "";
    filters.q.value = kept.q ?? "";
  }
}
