// Who may come in, how a session ends, and what is kept when it does.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  chooseAtIssuer, close, endSession, expireToken, inPage, issue, jwt, kept, rowOf, settings, shownSecret, signIn, waitForFocus,
} from "./console.mjs";

after(close);

/** Answers lists with the person changed. */
const asPerson = (page, change) => page.route("**/v1/tokens?*", async (route) => {
  const answer = await route.fetch();
  const { person, ...list } = await answer.json();
  await route.fulfill({ response: answer, json: { ...list, person: { ...person, ...change } } });
});

const ended = (page) => page.getByRole("alertdialog", { name: "Your session has ended" });

test("signing in and out", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  await page.getByRole("banner").getByText("bob@acme.example").waitFor();
  await page.getByText("API Token Manager · acme").waitFor();
  assert.equal(new URL(page.url()).search, "", "the issuer's answer is gone from the address");
  await page.reload();
  await page.getByRole("banner").getByText("bob@acme.example").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.goBack().catch(() => {});
  assert.equal(await page.getByRole("banner").getByText("bob@acme.example").isVisible(), false);
}));

test("a session that ends loses nothing that was typed", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("Key name*").fill("Typed before the end");
  await page.getByLabel("Custom period").check();
  const date = new Date(Date.now() + 50 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
  await page.getByLabel("Expiry date (UTC)").fill(date);

  await endSession(page);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await ended(page).getByRole("button", { name: "Not now" }).click();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "Typed before the end");
  assert.equal(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes("user")).length), 0);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await ended(page).getByRole("button", { name: "Sign in again" }).click();
  await chooseAtIssuer(page, "bob");

  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "Typed before the end");
  assert.ok(await page.getByLabel("Custom period").isChecked());
  assert.equal(await page.getByLabel("Expiry date (UTC)").inputValue(), date);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await shownSecret(page);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("console.draft")), null);
}));

test("what one person typed isn’t shown to another", () => inPage({}, async (page) => {
  await signIn(page, "bob", "#/new");
  await page.getByLabel("Key name*").fill("Bob’s plans");
  await endSession(page);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await ended(page).getByRole("button", { name: "Sign in again" }).click();
  await chooseAtIssuer(page, "dave");
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "");
}));

test("a session that has ended before the page came can be taken up from the list", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await endSession(page);
  await page.reload();
  await ended(page).getByRole("button", { name: "Not now" }).click();
  await page.getByText("Your session has ended. Sign in again to go on.").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await ended(page).waitFor();
}));

const renewals = (page) => {
  const found = [];
  page.on("request", (request) => { if (request.postData()?.includes("grant_type=refresh_token")) found.push(request); });
  return found;
};

test("a token that has run out is renewed without a word, once for all who need it", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Asked for with a spent token");
  await signIn(page, "bob", `#/tokens/${token.id}`);
  const panel = page.getByRole("dialog", { name: token.name });
  await panel.waitFor();
  const asked = renewals(page);
  await expireToken(page);
  await page.reload(); // the list and the key are asked for at once
  await panel.waitFor();
  await rowOf(page, token.name).waitFor({ state: "attached" });
  assert.equal(asked.length, 1);
}));

test("a token that can’t be renewed for want of a network ends no session", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "After the tunnel", 1);
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  await expireToken(page);
  await page.route("**/oauth/token", (route) => route.abort());
  await page.getByLabel("Active").check();
  await page.locator("#list-error").getByText("The service can’t be reached.").waitFor();
  assert.equal(await ended(page).isVisible(), false);
  await page.unroute("**/oauth/token");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("#list-error").getByText("The service can’t be reached.").waitFor({ state: "hidden" });
  assert.equal(await ended(page).isVisible(), false);
  await page.locator("tr[data-id]").first().waitFor(); // active keys, soonest expiry first
}));

test("signing out takes the refresh token back", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  const { refresh_token } = await kept(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  const answer = await fetch(`${settings.issuer}/oauth/token`, {
    method: "POST", body: new URLSearchParams({ grant_type: "refresh_token", client_id: settings.client_id, refresh_token }),
  });
  assert.equal((await answer.json()).error, "invalid_grant");
}));

test("a computer’s wrong clock keeps nobody out", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Seen from the future");
  await page.clock.setFixedTime(Date.now() + 2 * 60 * 60 * 1000);
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
}));

test("somebody without a role learns whom to ask", () => inPage({}, async (page) => {
  await signIn(page, "carol");
  await page.getByRole("heading", { name: "You can’t manage API keys yet" }).waitFor();
  await page.getByText("people with the API Token Manager role. Ask an admin of your organization for it.").waitFor();
  await page.getByRole("main").getByText("carol@acme.example").first().waitFor();
  assert.equal(await page.getByRole("link", { name: "Add new API key" }).isVisible(), false);
}));

// A claim that can't be used is not for want of a role, and a role would not help.
test("somebody whose sign-in can’t be used learns what is wrong with it", () => inPage({}, async (page) => {
  const detail = "Your sign-in names a list of organizations. Ask your administrator.";
  await page.route("**/v1/tokens?*", (route) => route.fulfill({ status: 403, json: { title: "Forbidden", status: 403, detail, code: "forbidden" } }));
  await signIn(page, "bob");
  await page.getByRole("main").getByText(detail).waitFor();
  assert.doesNotMatch(await page.getByRole("main").innerText(), /API Token Manager/);
}));

test("the API decides, whatever the page thought", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  // To the API, it is from now on carol who asks.
  const authorization = `Bearer ${await jwt("carol")}`;
  await page.route("**/v1/tokens?*", (route) => route.continue({ headers: { ...route.request().headers(), authorization } }));
  await page.getByLabel("Active").check();
  await waitForFocus(page.getByRole("heading", { name: "You can’t manage API keys yet" }));
  await page.locator("#no-role-why").getByText("people with the API Token Manager role").waitFor();
  await page.waitForFunction(() => document.querySelector("main [data-live]").textContent === "");
}));

test("somebody who is no admin any more goes on with their own keys", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Bob’s own");
  await signIn(page, "alice");
  await page.getByRole("status").getByText(/No API keys|shown/).waitFor({ state: "attached" });
  // To the API, it is from now on bob who asks.
  const authorization = `Bearer ${await jwt("bob")}`;
  await page.route("**/v1/tokens?*", (route) => route.continue({ headers: { ...route.request().headers(), authorization } }));
  await page.getByLabel("Everyone’s").click();
  await page.getByText("Everyone’s").waitFor({ state: "hidden" });
  await rowOf(page, token.name).waitFor();
  assert.equal(await page.getByRole("columnheader", { name: "Owner" }).count(), 0);
}));

// As a firewall before the API would: the local run has none.
test("a refusal that isn’t the API’s says nothing of roles and keeps what was typed", () => inPage({}, async (page) => {
  await signIn(page, "bob", "#/new");
  await page.getByLabel("Key name*").fill("Past the firewall");
  await page.route("**/v1/tokens", (route) => route.fulfill({ status: 403, json: { message: "Forbidden" } }));
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("alert").getByText("The service answered with an error.").waitFor();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "Past the firewall");
}));

test("an address that isn’t verified is said to be the reason", () => inPage({}, async (page) => {
  await signIn(page, "erin", "#/new");
  await page.getByRole("region", { name: "Adding API keys" }).getByText("confirm your e-mail address").waitFor();
  await page.getByRole("heading", { name: "No API keys yet" }).waitFor();
  assert.equal(await page.getByRole("link", { name: /^Add/ }).count(), 0);
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.equal(new URL(page.url()).hash, "#/");
}));

test("an address that can’t be written to is said to be the reason", () => inPage({}, async (page) => {
  await asPerson(page, { email: "böb@acme.example", can_issue: false });
  await signIn(page, "bob");
  await page.getByRole("region", { name: "Adding API keys" }).getByText("can’t be sent to böb@acme.example as it is written").waitFor();
  assert.equal(await page.getByRole("link", { name: /^Add/ }).count(), 0);
}));

test("a sign-in that fails leads back to the start", () => inPage({}, async (page) => {
  await page.goto("/?error=access_denied&state=unknown");
  await page.getByText("Signing in didn’t work. Try again.").waitFor();
  assert.equal(new URL(page.url()).search, "");
  await page.getByRole("button", { name: "Sign in" }).click();
  await chooseAtIssuer(page, "bob");
  await page.getByRole("banner").getByText("bob@acme.example").waitFor();
}));

test("a sign-in that fails on the way back keeps the place", () => inPage({}, async (page) => {
  await page.route("**/oauth/token", (route) => route.abort());
  await signIn(page, "bob", "#/new");
  await page.getByText("Signing in didn’t work. Try again.").waitFor();
  const { hash, search } = new URL(page.url());
  assert.deepEqual([hash, search], ["#/new", ""]);
  await page.unroute("**/oauth/token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await chooseAtIssuer(page, "bob");
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
}));

test("another organization’s keys stay out of sight", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Of acme alone");
  await signIn(page, "dave", `#/tokens/${token.id}`);
  await page.getByText("There is no such API key among those that this account may see.").first().waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.getByLabel("Everyone’s").check();
  await page.getByRole("heading", { name: "No API keys yet" }).waitFor();
}));

test("an old callback address uses the session that is there", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Behind an old address");
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  for (const answer of ["code=stale&state=gone", "error=access_denied&state=gone"]) {
    await page.goto(`/?${answer}#/tokens/${token.id}`);
    await page.getByRole("dialog", { name: token.name }).waitFor();
    const { search, hash } = new URL(page.url());
    assert.deepEqual([search, hash], ["", `#/tokens/${token.id}`]);
    assert.equal(await page.getByText("Signing in didn’t work").isVisible(), false);
  }
}));

test("a dead link’s page shows the account, and another can be used", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Sent to bob");
  await signIn(page, "dave", `#/tokens/${token.id}`);
  const panel = page.getByRole("dialog", { name: "API key" });
  await panel.locator("p:not([data-live])").getByText("You are signed in as dave@globex.example").waitFor();
  await panel.getByRole("button", { name: "Use another account" }).click();
  await chooseAtIssuer(page, "bob");
  await page.getByRole("dialog", { name: token.name }).waitFor();
  await page.getByRole("banner").getByText("bob@acme.example").waitFor();
}));

test("whoever has no role can use another account", () => inPage({}, async (page) => {
  await signIn(page, "carol");
  await page.getByRole("button", { name: "Use another account" }).click();
  await chooseAtIssuer(page, "bob");
  await page.getByRole("heading", { name: "API keys", exact: true }).waitFor();
}));

test("a sign-in page that can’t be reached is said where it was asked for", () => inPage({}, async (page) => {
  await signIn(page, "dave", "#/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV");
  const panel = page.getByRole("dialog", { name: "API key" });
  const other = panel.getByRole("button", { name: "Use another account" });
  await other.waitFor();
  await page.route("**/.well-known/openid-configuration", (route) => route.abort());
  await page.reload();
  await other.click();
  await panel.getByText("The sign-in page can’t be reached.").first().waitFor();
}));

test("the page offers what the API says a person may do, whatever the token’s claims are", () => inPage({}, async (page) => {
  const { token } = await issue("alice", "Offered by the API");
  await asPerson(page, { role: null, can_issue: false, sees_everyone: false });
  await signIn(page, "alice"); // by her claims an organization admin
  await rowOf(page, token.name).waitFor();
  await page.getByText("You can see and revoke your API keys.").waitFor();
  assert.equal(await page.getByText("Everyone’s").isVisible(), false);
  assert.equal(await page.getByRole("link", { name: /^Add/ }).count(), 0);
  assert.equal(await page.getByText("Organization admin").count(), 0);
  await rowOf(page, token.name).getByRole("button", { name: /^Revoke/ }).waitFor();
  await page.unroute("**/v1/tokens?*");
  await asPerson(page, { role: "org-admin", can_issue: true, sees_everyone: true });
  await page.getByLabel("Active").check();
  await page.getByText("Everyone’s").waitFor();
  await page.getByRole("link", { name: "Add new API key" }).waitFor();
  await page.getByText("Organization admin · acme").waitFor();
}));

test("“Notices can’t reach you” and “Try again”", () => inPage({}, async (page) => {
  await asPerson(page, { undeliverable: true });
  await signIn(page, "bob");
  const banner = page.getByRole("region", { name: "Notices can’t reach you" });
  await banner.getByText("bob@acme.example").waitFor();
  await page.route("**/v1/me/notices/resume", (route) => route.abort(), { times: 1 });
  await banner.getByRole("button", { name: "Try again" }).click();
  await banner.getByRole("alert").getByText("The service can’t be reached.").waitFor();
  const resumed = page.waitForRequest((request) => request.url().endsWith("/v1/me/notices/resume") && request.method() === "POST");
  await banner.getByRole("button", { name: "Try again" }).click();
  assert.equal((await resumed).postData(), null);
  await banner.waitFor({ state: "hidden" });
  await page.getByRole("status").getByText("Notices will be sent to bob@acme.example again").waitFor({ state: "attached" });
  await waitForFocus(page.getByRole("heading", { name: "API keys", exact: true }));
}));

test("what one person filtered by isn’t shown to another in the same tab", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("searchbox").fill("bob’s secret project");
  await page.getByRole("heading", { name: "No API key matches" }).waitFor();
  await page.evaluate(() => { location.hash = "#/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV"; });
  await page.getByRole("button", { name: "Use another account" }).click();
  await chooseAtIssuer(page, "dave");
  await page.getByRole("banner").getByText("dave@globex.example").waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  assert.equal(await page.getByRole("searchbox").inputValue(), "");
}));
