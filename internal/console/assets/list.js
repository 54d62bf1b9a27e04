// The list of keys: filters, rows, load more.

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
  #api; #handled; #revoke;
  #shown = null; // { filter, tokens, cursor } once there is an answer
  #error = "";
  #revoked = new Map(); // by id: this is final, and an answer under way may be older
  #request = new AbortController();

  constructor({ api, handled, person, revoke }) {
    this.#api = api;
    this.#handled = handled;
    this.#revoke = revoke;
    $("filter-owner").hidden = !person.admin;
    this.#restoreFilters(person);

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
    $("list-again").addEventListener("click", () => busy($("list-again"), async () => {
      await this.load();
      if (!this.#error) $("keys-title").focus(); // the button is gone
    }));
    $("more").addEventListener("click", () => busy($("more"), () => this.#loadMore()));
    addEventListener("pageshow", (event) => { if (event.persisted) this.load(); });
  }

  /** Loads the first page for the filters as they are set. */
  async load() {
    this.#request.abort(); // an answer to an older question must not replace a newer one
    this.#request = new AbortController();
    const filter = this.#filter();
    sessionStorage.setItem(VIEW, JSON.stringify(filter));
    $("more").hidden = true; // it would go on with the older question
    const page = await this.#ask(filter);
    if (!page) return;
    this.#show({ filter, ...page });
    announce(page.tokens.length === 0 ? "No API keys" : `${this.#count(page.tokens.length)} shown${page.cursor ? ", more can be loaded" : ""}`);
  }

  /** Shows a key that was just made: neither filters nor an index that lags behind may hide it. */
  async showNew(token) {
    this.#clearFilters();
    await this.load();
    if (this.#shown && !this.find(token.id)) this.#show({ ...this.#shown, tokens: [token, ...this.#shown.tokens] });
    this.focus(token.id);
  }

  /** A key of those that are shown. */
  find(id) {
    return this.#shown?.tokens.find((token) => token.id === id);
  }

  /** Shows a key's new state in its row at once. */
  update(token) {
    if (token.status === "revoked") this.#revoked.set(token.id, token);
    const known = this.find(token.id);
    if (!known) return;
    this.#shown.tokens[this.#shown.tokens.indexOf(known)] = token;
    this.#rowOf(token.id).replaceWith(this.#row(token));
    if (!document.querySelector("dialog[open]")) this.focus(token.id);
  }

  focus(id) {
    this.#rowOf(id)?.querySelector(".name").focus();
  }

  async #loadMore() {
    const { filter, tokens, cursor } = this.#shown;
    const page = await this.#ask({ ...filter, cursor });
    if (!page) return;
    this.#show({ filter, tokens: [...tokens, ...page.tokens], cursor: page.cursor });
    announce(`${this.#count(page.tokens.length)} more, ${this.#shown.tokens.length} shown`);
    if (!page.cursor && page.tokens.length > 0) this.focus(page.tokens[0].id); // the button is gone
  }

  /** One page as { tokens, cursor }, or null: then the reason is shown, or a newer question was asked. */
  async #ask(filter) {
    const { signal } = this.#request;
    const card = $("keys").parentElement;
    card.setAttribute("aria-busy", "true");
    try {
      let page = await this.#api.list(filter, signal);
      while (page.tokens.length === 0 && page.next_cursor) { // a filter may match nothing in a whole page
        page = await this.#api.list({ ...filter, cursor: page.next_cursor }, signal);
      }
      this.#error = "";
      return { tokens: page.tokens, cursor: page.next_cursor };
    } catch (error) {
      if (signal.aborted) return null;
      if (filter.owner && error.code === "forbidden") return this.#showOwnOnly();
      this.#error = error.message;
      this.#show(filter.cursor ? this.#shown : null); // an older answer must not pass for one to this question
      if (!this.#handled(error)) announce(error.message);
      return null;
    } finally {
      if (!signal.aborted) card.removeAttribute("aria-busy");
    }
  }

  /** Somebody who is no admin any more may have their own list still; if not, the API says so. */
  #showOwnOnly() {
    $("filter-owner").hidden = true;
    this.#choose("owner", "");
    this.load();
    return null;
  }

  #show(list) {
    this.#shown = list && { ...list, tokens: list.tokens.map((token) => this.#revoked.get(token.id) ?? token) };
    const { filter, tokens = [], cursor } = this.#shown ?? {};
    const empty = list !== null && tokens.length === 0;
    const filtered = Boolean(filter?.status || filter?.q);
    $("rows").replaceChildren(...tokens.map((token) => this.#row(token)));
    $("keys").hidden = tokens.length === 0;
    $("keys").classList.toggle("with-owner", filter?.owner === "all");
    $("list-loading").hidden = true;
    $("empty-none").hidden = !empty || filtered;
    $("empty-filtered").hidden = !empty || !filtered;
    $("list-error").hidden = !this.#error;
    $("list-error-text").textContent = this.#error;
    $("more").hidden = !cursor;
  }

  #row(token) {
    const cell = (label, attributes, ...children) => h("td", { role: "cell", "data-label": label, ...attributes }, ...children);
    const action = token.status === "active"
      ? h("button", { type: "button", class: "button small danger-quiet", "aria-label": `Revoke API key ${token.name}`, onclick: () => this.#revoke.open(token) }, "Revoke")
      : null;
    return h("tr", { role: "row", "data-id": token.id },
      h("th", { role: "rowheader", scope: "row" },
        h("a", { class: "name", href: `#/tokens/${token.id}` }, token.name),
        h("span", { class: "mono muted hint", translate: "no" }, token.hint)),
      cell("Status", {}, statusMark(token.status)),
      cell("Created", {}, h("time", { datetime: token.created_at }, shortDate(token.created_at))),
      cell("Expires", { class: "expires" }, expiry(token)),
      cell("Last used", {}, token.last_used_at ? h("time", { datetime: token.last_used_at }, ago(token.last_used_at)) : h("span", { class: "muted" }, "Never")),
      cell("Owner", { class: "owner" }, owner(token)),
      cell("Action", { class: "action" }, action));
  }

  #rowOf(id) {
    return document.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  #count(n) {
    return `${n} API ${n === 1 ? "key" : "keys"}`;
  }

  #filter() {
    const { owner: who, status, q } = Object.fromEntries(new FormData($("filters")));
    return { owner: who, status, q: q.trim() };
  }

  /** Chooses one of a filter's radio buttons. Setting their common value can't choose "" in Chromium. */
  #choose(filter, value) {
    for (const radio of $("filters").elements[filter]) radio.checked = radio.value === value;
  }

  #clearFilters() {
    this.#choose("status", "");
    $("filters").elements.q.value = "";
  }

  #restoreFilters({ admin }) {
    const { owner: who = "", status = "", q = "" } = JSON.parse(sessionStorage.getItem(VIEW) ?? "{}");
    this.#choose("owner", admin ? who : "");
    this.#choose("status", status);
    $("filters").elements.q.value = q;
  }
}
