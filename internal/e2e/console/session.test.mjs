// Who may come in, how a session ends, and what is kept when it does.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { chooseAtIssuer, close, inPage, issue, jwt, shownSecret, signIn } from "./console.mjs";

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

for (const [how, end] of Object.entries({
  // The page knows by the token's own expiry time, or learns it from the API.
  "by the clock": async (page) => page.clock.setFixedTime(Date.now() + 2 * 60 * 60 * 1000),
  "by the API’s word": async (page) => page.route("**/v1/tokens", (route) =>
    route.continue({ headers: { ...route.request().headers(), authorization: "Bearer revoked" } }), { times: 1 }),
})) {
  test(`a session that ends ${how} loses nothing that was typed`, () => inPage({}, async (page) => {
    await signIn(page, "bob");
    await page.getByRole("link", { name: "Add new API key" }).click();
    await page.getByLabel("Key name*").fill(`Typed before the end ${how}`);
    await page.getByLabel("Custom period").check();
    const date = new Date(Date.now() + 50 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
    await page.getByLabel("Expiry date (UTC)").fill(date);

    await end(page);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await ended(page).waitFor();
    await ended(page).getByRole("button", { name: "Not now" }).click();
    assert.equal(await page.getByLabel("Key name*").inputValue(), `Typed before the end ${how}`);
    if (how === "by the API’s word") assert.equal(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes("user")).length), 0);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await ended(page).getByRole("button", { name: "Sign in again" }).click();
    await page.clock.setFixedTime(Date.now());
    await chooseAtIssuer(page, "bob");

    const panel = page.getByRole("dialog", { name: "Add new API key" });
    await panel.waitFor();
    assert.equal(await page.getByLabel("Key name*").inputValue(), `Typed before the end ${how}`);
    assert.ok(await page.getByLabel("Custom period").isChecked());
    assert.equal(await page.getByLabel("Expiry date (UTC)").inputValue(), date);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await shownSecret(page);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("console.draft")), null);
  }));
}

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
  await page.getByRole("heading", { name: "You can’t manage API keys yet" }).waitFor();
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

test("another organization’s keys stay out of sight", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Of acme alone");
  await signIn(page, "dave", `#/tokens/${token.id}`);
  await page.getByText("There is no such API key").waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.getByLabel("Everyone’s").check();
  await page.getByRole("heading", { name: "No API keys yet" }).waitFor();
}));
