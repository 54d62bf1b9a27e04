// The list of keys: filters, rows, load more.

import { ago, daysUntil, inDays, shortDate } from "./dates.js";
import { Selection } from "./bulk.js";
import { $, address, announceBehind, busy, h, icon, named } from "./dom.js";
import { count } from "./leave.js";
import { withoutSecrets } from "./secrets.js";

/** From so many days before it expires, a key carries a warning mark. */
const WARNING_DAYS = 15;
const MAX_SEARCH = 100; // characters that the API takes
const VIEW = "console.filters";
const STATUS = { active: "Active", expired: "Expired", revoked: "Revoked" };

export const statusWord = (status) => STATUS[status] ?? status;

export const statusMark = (status) => h("span", { class: `status ${status}` }, icon(status), statusWord(status));

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
export const owner = ({ owner: { type, id, email, undeliverable, left } }) => [
  type === "organization" ? h("span", {}, "Your organization") : address(email || id),
  left ? h("span", { class: "when" }, "Left the organization") : null,
  undeliverable ? h("span", { class: "when soon" }, icon("mail"), "Notices can’t reach this address") : null,
];

export class List {
  #api; #handled; #me; #revoke; #learned; #refused; #selection;
  #shown = null; // { filter, tokens, cursor } once there is an answer
  #error = "";
  #revoked = new Map(); // by id: this is final, and an answer under way may be older
  #request = new AbortController();

  /**
   * me: the id of who is signed in; learned(person) hears with each answer what they may
   * do; refused(problem), that they may do nothing here.
   */
  constructor({ api, handled, me, revoke, learned, refused }) {
    this.#api = api;
    this.#handled = handled;
    this.#me = me;
    this.#revoke = revoke;
    this.#learned = learned;
    this.#refused = refused;
    this.#selection = new Selection({ api, handled, find: (id) => this.find(id), revoked: (ids) => this.markRevoked(ids) });
    this.#restoreFilters();

    let typing;
    const filters = $("filters");
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.addEventListener("input", (event) => {
      clearTimeout(typing);
      const search = event.target.type === "search";
      if (search) this.#takeSecretsOut(event.target);
      typing = setTimeout(() => this.load(), search ? 250 : 0);
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
    sessionStorage.setItem(VIEW, JSON.stringify({ by: this.#me, ...filter }));
    $("more").hidden = true; // it would go on with the older question
    const page = await this.#ask(filter);
    if (!page) return;
    this.#show({ filter, ...page });
    announceBehind(page.tokens.length === 0 ? "No API keys" : `${count(page.tokens.length)} shown${page.cursor ? ", more can be loaded" : ""}`);
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
    if (token.status === "revoked") {
      this.#revoked.set(token.id, token);
      this.#selection.set(token.id, false);
    }
    const known = this.find(token.id);
    if (!known) return;
    this.#shown.tokens[this.#shown.tokens.indexOf(known)] = token;
    this.#rowOf(token.id).replaceWith(this.#row(token));
    if (!document.querySelector("dialog[open]")) this.focus(token.id);
  }

  /** Shows keys as revoked that are: an index that lags behind may not know it yet. */
  markRevoked(ids) {
    for (const token of ids.map((id) => this.find(id)).filter(Boolean)) this.update({ ...token, status: "revoked" });
  }

  closeDialogs() {
    this.#selection.close();
  }

  focus(id) {
    this.#rowOf(id)?.querySelector(".name").focus();
  }

  async #loadMore() {
    const { filter, cursor } = this.#shown;
    const page = await this.#ask({ ...filter, cursor });
    if (!page) return;
    // Only the new rows are drawn: there may be many others.
    const more = page.tokens.filter((token) => !this.find(token.id)).map((token) => this.#newest(token));
    this.#shown.tokens.push(...more);
    this.#shown.cursor = page.cursor;
    $("rows").append(...more.map((token) => this.#row(token)));
    this.#showState();
    announceBehind(more.length === 0 ? "No more API keys" : `${count(more.length)} more, ${this.#shown.tokens.length} shown`);
    if (more.length > 0) this.focus(more[0].id);
    else $("after-keys").focus(); // the button is gone
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
      this.#learned(page.person);
      return { tokens: page.tokens, cursor: page.next_cursor };
    } catch (error) {
      if (signal.aborted) return null;
      if (filter.owner && error.code === "forbidden") return this.#showOwnOnly();
      if (error.code === "forbidden") return this.#refused(error);
      this.#error = error.message;
      if (filter.cursor) this.#showState();
      else this.#show(null); // an older answer must not pass for one to this question
      if (!this.#handled(error)) announceBehind(error.message);
      return null;
    } finally {
      if (!signal.aborted) card.removeAttribute("aria-busy");
    }
  }

  /** Somebody who may not see everyone's any more may have their own list still; if not, the API says so. */
  #showOwnOnly() {
    $("filter-owner").hidden = true;
    choose("owner", "");
    this.load();
    return null;
  }

  #newest(token) {
    return this.#revoked.get(token.id) ?? token;
  }

  /** Shows the first page of a list, or, for null, none. */
  #show(list) {
    this.#shown = list && { ...list, tokens: list.tokens.map((token) => this.#newest(token)) };
    this.#selection.keep(this.#shown?.tokens ?? []);
    $("rows").replaceChildren(...(this.#shown?.tokens ?? []).map((token) => this.#row(token)));
    $("keys").classList.toggle("with-owner", list?.filter.owner === "all");
    $("keys-order").textContent = list?.filter.status === "active" ? "soonest expiry date first" : "newest first";
    this.#showState();
  }

  /** Shows all but the rows. */
  #showState() {
    const { filter, tokens = [], cursor } = this.#shown ?? {};
    const empty = this.#shown !== null && tokens.length === 0;
    const filtered = Boolean(filter?.status || filter?.q);
    $("keys").hidden = $("skip-keys").hidden = tokens.length === 0;
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
    const box = token.status === "active"
      ? h("input", { type: "checkbox", "aria-label": `Select API key ${token.name}`, onchange: ({ target }) => { target.checked = this.#selection.set(token.id, target.checked); } })
      : null;
    if (box) box.checked = this.#selection.has(token.id);
    return h("tr", { role: "row", "data-id": token.id },
      cell("Select", { class: "select" }, box),
      h("th", { role: "rowheader", scope: "row" },
        h("a", { class: "name", href: `#/tokens/${token.id}` }, named(token.name)),
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

  #filter() {
    const { owner: who, status, q } = Object.fromEntries(new FormData($("filters")));
    return { owner: who, status, q: q.trim() };
  }

  /** Leaves of a secret in the search only its id, before anything is sent or kept. */
  #takeSecretsOut(search) {
    const clean = withoutSecrets(search.value);
    const found = clean !== search.value;
    // The input has no maximum: it would cut a secret so that it is not recognised.
    if (found || clean.length > MAX_SEARCH) search.value = clean.slice(0, MAX_SEARCH);
    if (found || search.value === "") {
      $("search-note").textContent = found ? "That was an API token. Only its ID is left here, and the rest was sent nowhere." : "";
    }
  }

  #clearFilters() {
    choose("status", "");
    $("filters").elements.q.value = "";
    $("search-note").textContent = "";
  }

  /** Sets the filters as they were before a reload, unless somebody else was signed in then. */
  #restoreFilters() {
    const { by, owner: who = "", status = "", q = "" } = JSON.parse(sessionStorage.getItem(VIEW) ?? "{}");
    if (by !== this.#me) return;
    choose("owner", who);
    choose("status", status);
    $("filters").elements.q.value = q;
  }
}

/** Chooses one of a filter's radio buttons. Setting their common value can't choose "" in Chromium. */
function choose(filter, value) {
  for (const radio of $("filters").elements[filter]) radio.checked = radio.value === value;
}
