// Who may come in, how a session ends, and what is kept when it does.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  chooseAtIssuer, close, endSession, expireToken, inPage, issue, jwt, kept, rowOf, settings, shownSecret, signIn, waitForFocus,
} from "./console.mjs";

after(close);

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
  const { token } = await issue("bob", "After the tunnel");
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  await expireToken(page);
  await page.route("**/oauth/token", (route) => route.abort());
  await page.getByLabel("Active").check();
  await page.locator("#list-error").getByText("The service can’t be reached.").waitFor();
  assert.equal(await ended(page).isVisible(), false);
  await page.unroute("**/oauth/token");
  await page.getByRole("button", { name: "Try again" }).click();
  await rowOf(page, token.name).waitFor();
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
  await page.getByText(/Ask an administrator of your organization.*API Token Manager/).waitFor();
  await page.getByRole("main").getByText("carol@acme.example").first().waitFor();
  assert.equal(await page.getByRole("link", { name: "Add new API key" }).isVisible(), false);
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
  await signIn(page, "erin");
  await page.getByRole("heading", { name: "Confirm your e-mail address first" }).waitFor();
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
  await page.getByText("There is no such API key in your organization.").first().waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.getByLabel("Everyone’s").check();
  await page.getByRole("heading", { name: "No API keys yet" }).waitFor();
}));
