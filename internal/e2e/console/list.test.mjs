// The list of keys: what a row says, filters, everyone's, load more, deep links.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  api, base, checkAccessibility, close, inPage, issue, rowOf, signIn, waitForFocus,
} from "./console.mjs";

const AHEAD = 30; // with alice's keys more than the API's page of 50

const tokens = {};

before(async () => {
  for (let i = 0; i < AHEAD; i++) await issue("alice", `Filler A${i}`, 100);
  for (let i = 0; i < AHEAD; i++) await issue("bob", `Filler B${i}`, 100);
  tokens.soon = (await issue("bob", "Expires soon", 15)).token;
  tokens.later = (await issue("bob", "Expires later", 16)).token;
  tokens.revoked = (await issue("bob", "Gone already", 10)).token;
  tokens.alice = (await issue("alice", "Alice’s own", 30)).token;
  await api("bob", "POST", `/v1/tokens/${tokens.revoked.id}/revoke`, { reason: "not needed" });
});
after(close);

test("a row says what there is to know", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  const soon = rowOf(page, "Expires soon");
  const text = await soon.textContent();
  for (const part of [tokens.soon.hint, "Active", "Expires soon: in 15 days", "Never"]) assert.ok(text.includes(part), `${text} lacks ${part}`);
  assert.equal(await soon.locator(".soon .icon").count(), 1, "a warning mark at 15 days");
  assert.equal(await rowOf(page, "Expires later").locator(".soon").count(), 0, "none at 16 days");
  const gone = rowOf(page, "Gone already");
  assert.match(await gone.textContent(), /Revoked/);
  assert.equal(await gone.locator(".soon").count(), 0, "none on a revoked key");
  const shape = (row) => row.locator(".status use").getAttribute("href");
  assert.notEqual(await shape(soon), await shape(gone), "the status has a shape, not only a colour");
  assert.equal(await page.getByRole("columnheader", { name: "Owner" }).count(), 0);
  assert.equal(await rowOf(page, "Alice’s own").count(), 0);
  assert.equal(await page.getByText("Everyone’s").isVisible(), false);
}));

test("filters by status and by name, and keeps them over a reload", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Expires soon").waitFor();
  await page.getByLabel("Revoked").check();
  await rowOf(page, "Expires soon").waitFor({ state: "detached" });
  await rowOf(page, "Gone already").waitFor();
  await page.reload();
  await rowOf(page, "Gone already").waitFor();
  assert.ok(await page.getByLabel("Revoked").isChecked());
  assert.equal(await rowOf(page, "Expires soon").count(), 0);

  await page.getByLabel("All", { exact: true }).check();
  await page.getByLabel("Filter by name").fill("EXPIRES");
  await rowOf(page, "Gone already").waitFor({ state: "detached" });
  assert.equal(await page.locator("#rows tr").count(), 2);
  await page.getByRole("status").getByText("2 API keys shown").waitFor();

  await page.getByLabel("Revoked").check();
  await page.getByLabel("Filter by name").fill("no key is called so");
  await page.getByRole("heading", { name: "No API key matches" }).waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await rowOf(page, "Expires soon").waitFor();
}));

test("an admin sees everyone’s, with owners, and loads more", () => inPage({}, async (page) => {
  await signIn(page, "alice");
  await rowOf(page, "Alice’s own").waitFor();
  assert.equal(await rowOf(page, "Expires soon").count(), 0, "only her own at first");
  await page.getByLabel("Everyone’s").check();
  const bobs = rowOf(page, "Expires soon");
  await bobs.getByText("bob@acme.example").waitFor();
  await page.getByRole("columnheader", { name: "Owner" }).waitFor();

  const rows = page.locator("#rows tr");
  const first = await rows.count();
  const more = page.getByRole("button", { name: "Load more" });
  let shown;
  while (await more.isVisible()) {
    shown = await rows.count();
    await more.click();
    await page.waitForFunction((n) => document.querySelectorAll("#rows tr").length > n, shown);
  }
  await waitForFocus(rows.nth(shown).getByRole("link")); // the button is gone
  assert.ok(await rows.count() > first);
  const ids = await rows.evaluateAll((all) => all.map((row) => row.dataset.id));
  assert.deepEqual(ids, [...new Set(ids)].sort().reverse(), "each once, newest first");
  await rowOf(page, "Filler A0").waitFor();

  await page.getByLabel("My tokens").check();
  await bobs.waitFor({ state: "detached" });
}));

test("a link of an e-mail leads to its key, through the sign-in", () => inPage({}, async (page) => {
  await signIn(page, "bob", `#/tokens/${tokens.soon.id}`);
  const panel = page.getByRole("dialog", { name: "Expires soon" });
  for (const text of [tokens.soon.hint, "in 15 days", "bob@acme.example", tokens.soon.id]) await panel.getByText(text).first().waitFor();
  await panel.getByRole("button", { name: "Close" }).last().click();
  assert.equal(new URL(page.url()).hash, "#/");
  await waitForFocus(rowOf(page, "Expires soon").getByRole("link"));

  await page.goto(`/#/tokens/${tokens.revoked.id}`);
  const gone = page.getByRole("dialog", { name: "Gone already" });
  await gone.getByText(/by you/).waitFor();
  await gone.getByText("not needed").waitFor();
  assert.equal(await gone.getByRole("button", { name: "Revoke API key" }).isVisible(), false);
  await page.goBack();
  await gone.waitFor({ state: "hidden" });

  await page.goto(`/#/tokens/${tokens.alice.id}`);
  await page.getByRole("dialog").getByRole("status").getByText("There is no such API key among those that this account may see.").waitFor({ state: "attached" });
}));

test("a mangled link says so, or leads to the list", () => inPage({}, async (page) => {
  await signIn(page, "bob", "#/tokens/abc-def");
  const panel = page.getByRole("dialog", { name: "API key" });
  await panel.locator(".notice").getByText("There is no such API key").waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "hidden" });
  for (const hash of ["#/tokens/", "#/nope"]) {
    await page.evaluate((to) => { location.hash = to; }, hash);
    await page.waitForFunction(() => location.hash === "#/");
  }
  assert.equal(await page.locator("dialog[open]").count(), 0);
}));

test("the row learns what the panel learned", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Revoked elsewhere");
  await signIn(page, "bob");
  const row = rowOf(page, token.name);
  await row.getByText("Active").waitFor();
  await api("bob", "POST", `/v1/tokens/${token.id}/revoke`, {});
  await row.getByRole("link").click();
  await page.getByRole("dialog").getByText("by you").waitFor();
  await page.keyboard.press("Escape");
  await row.getByText("Revoked", { exact: true }).waitFor();
  await waitForFocus(row.getByRole("link"));
}));

test("Load more appends, and focuses the first new row", () => inPage({}, async (page) => {
  await page.route("**/v1/tokens?*", (route) => route.fallback({ url: `${route.request().url()}&limit=5` }));
  await signIn(page, "bob");
  const more = page.getByRole("button", { name: "Load more" });
  const rows = page.locator("#rows tr");
  await more.waitFor();
  await page.evaluate(() => { for (const row of document.querySelectorAll("#rows tr")) row.drawn = "before"; });
  for (const shown of [5, 10]) {
    await more.click();
    await waitForFocus(rows.nth(shown).getByRole("link"));
    await page.getByRole("status").getByText(`5 API keys more, ${shown + 5} shown`).waitFor({ state: "attached" });
  }
  const drawn = await rows.evaluateAll((all) => all.map((row) => row.drawn ?? "new"));
  assert.deepEqual(drawn, [...Array(5).fill("before"), ...Array(10).fill("new")]);
}));

test("1,000 rows take more with a press at the cost of the new ones alone", (t) => inPage({}, async (page, context) => {
  await signIn(page, "bob");
  await rowOf(page, "Expires soon").waitFor();
  // The API's own rows, over and over: the local run's people may not have so many keys.
  let asked = 0;
  await page.route("**/v1/tokens?*", async (route) => {
    const url = new URL(route.request().url());
    url.searchParams.delete("cursor");
    const answer = await route.fetch({ url: url.href });
    const { tokens: [one], ...list } = await answer.json();
    const many = Array.from({ length: asked === 0 ? 1000 : 50 }, (_, i) => ({ ...one, id: `01ARZ3NDEKTSV4RR${String(asked).padStart(2, "0")}${String(i).padStart(8, "0")}` }));
    asked++;
    await route.fulfill({ response: answer, json: { ...list, tokens: many, next_cursor: "more" } });
  });
  await page.getByLabel("Active").check();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1000);
  await (await context.newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate: 6 });
  await page.evaluate(() => {
    globalThis.made = 0;
    new MutationObserver((records) => { globalThis.made += records.reduce((sum, { addedNodes, removedNodes }) => sum + addedNodes.length + removedNodes.length, 0); })
      .observe(document.getElementById("rows"), { childList: true });
  });
  const start = Date.now();
  await page.getByRole("button", { name: "Load more" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1050);
  t.diagnostic(`${Date.now() - start} ms with a CPU six times as slow`);
  assert.equal(await page.evaluate(() => globalThis.made), 50);
}));

test("one key leads past the table’s tab stops", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Expires soon").waitFor();
  await page.getByRole("searchbox").focus();
  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip the list of API keys" });
  await waitForFocus(skip);
  await checkAccessibility(page, "the way past the table");
  await page.keyboard.press("Enter");
  await waitForFocus(page.getByRole("group", { name: "After the list" }));
  assert.equal(new URL(page.url()).hash, "#/".slice(0, new URL(page.url()).hash.length), "the place is the same");
  await page.getByRole("searchbox").fill("no key is called so");
  await page.getByRole("heading", { name: "No API key matches" }).waitFor();
  assert.equal(await skip.count(), 0, "there is nothing to skip");
}));

test("the table says in which order it is", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("table", { name: "API keys, newest first" }).waitFor();
  await page.getByLabel("Active").check();
  await page.getByRole("table", { name: "API keys, soonest expiry date first" }).waitFor();
}));

test("no name is longer than the filter takes", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Expires soon").waitFor();
  await page.getByLabel("Filter by name").pressSequentially("x".repeat(101));
  assert.equal((await page.getByLabel("Filter by name").inputValue()).length, 100);
}));

test("the notices that were sent are told of", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "With a notice", 20);
  const due = new Date(Date.parse(token.expires_at) - 15 * 24 * 60 * 60 * 1000 + 5 * 60 * 1000).toISOString();
  assert.ok((await fetch(`${base}/_local/schedule?time=${due}`, { method: "POST" })).ok);
  await signIn(page, "bob", `#/tokens/${token.id}`);
  await page.getByRole("dialog", { name: "With a notice" }).getByText("15 days before the expiry date").waitFor();
}));

// It takes bounces for a notice to have another state: the API's true answer is changed.
test("what became of each notice is said", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "With notices of all kinds");
  await page.route(`**/v1/tokens/${token.id}`, async (route) => {
    const answer = await route.fetch();
    const notices = [["expires-15", "sent"], ["expires-1", "delegated"], ["expires-0", "abandoned"], ["revoked", "bounced"]]
      .map(([kind, state]) => ({ kind, state, date: token.expires_on, sent_at: "2026-12-01T10:00:00Z" }));
    await route.fulfill({ response: answer, json: { ...await answer.json(), notices } });
  });
  await signIn(page, "bob", `#/tokens/${token.id}`);
  const panel = page.getByRole("dialog", { name: token.name });
  await panel.getByText("Notices", { exact: true }).waitFor();
  assert.deepEqual(await panel.locator("ul.plain > li").evaluateAll((all) => all.map(({ textContent }) => textContent).filter((text) => text.includes("UTC"))), [
    "1 December 2026, 10:00 UTC15 days before the expiry date",
    "1 December 2026, 10:00 UTC: to administrators, because its owner can’t be reached1 day before the expiry date",
    "1 December 2026, 10:00 UTC: given up, because nobody could be reachedon the expiry date",
    "1 December 2026, 10:00 UTC: came backbecause somebody else revoked it",
  ]);
}));

// A key takes at least a day to expire, and mail has to bounce for an address to be
// known as bad. So here the API's true answer is changed on its way to the page.
test("a row of an expired key, and of an owner who can’t be reached", () => inPage({}, async (page) => {
  await page.route("**/v1/tokens?*", async (route) => {
    const answer = await route.fetch();
    const list = await answer.json();
    const changed = list.tokens.find(({ name }) => name === "Expires later");
    if (changed) Object.assign(changed, { status: "expired", expires_on: "2026-01-02", owner: { ...changed.owner, undeliverable: true } });
    await route.fulfill({ response: answer, json: list });
  });
  await signIn(page, "alice");
  await page.getByLabel("Everyone’s").check();
  const row = rowOf(page, "Expires later");
  for (const text of ["Expired", "2 Jan 2026", "Notices can’t reach this address"]) await row.getByText(text, { exact: true }).waitFor();
  assert.match(await row.textContent(), /\d+ days ago/);
  assert.equal(await row.getByRole("button").count(), 0, "what has expired needs no revoking");
  await checkAccessibility(page, "expired and unreachable");
}));

test("an admin revokes somebody else’s key from the list", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "For alice to revoke");
  await signIn(page, "alice");
  await page.getByLabel("Everyone’s").check();
  const row = rowOf(page, "For alice to revoke");
  await row.getByRole("button", { name: "Revoke API key For alice to revoke" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  assert.match(await row.textContent(), /Active/);
  await row.getByRole("button", { name: /^Revoke/ }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Revoke API key" }).click();
  await row.getByText("Revoked").waitFor();
  await waitForFocus(row.getByRole("link"));
  await page.getByRole("status").getByText("API key For alice to revoke revoked").waitFor({ state: "attached" });
  assert.equal((await api("bob", "GET", `/v1/tokens/${token.id}`)).status, "revoked");
}));

test("nobody’s list is empty without a word", () => inPage({}, async (page) => {
  await signIn(page, "dave");
  await page.getByRole("heading", { name: "No API keys yet" }).waitFor();
  await page.getByRole("link", { name: "Add your first API key" }).click();
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
}));

test("a list that can’t be had says so, and is had again", () => inPage({}, async (page, context) => {
  await signIn(page, "bob");
  await rowOf(page, "Expires soon").waitFor();
  await context.setOffline(true);
  await page.getByLabel("Active").check();
  await page.locator("#list-error").getByText("The service can’t be reached.").waitFor();
  assert.equal(await page.locator("#rows tr").count(), 0, "what is shown answers another question");
  assert.equal(await page.getByRole("button", { name: "Load more" }).isVisible(), false);
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await rowOf(page, "Expires soon").waitFor();
  assert.equal(await page.locator("#list-error").isVisible(), false);
  await waitForFocus(page.getByRole("heading", { name: "API keys" })); // the button is gone
}));
