// What comes late, broken or not at all, and what the page says of it. Where the real
// parts can't fail as needed, their answers are held, cut or replaced on their way.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, close, hold, inPage, issue, rowOf, shownSecret, signIn, whoami } from "./console.mjs";

after(close);

const form = (page) => page.getByRole("dialog", { name: "Add new API key" });
const question = (page) => page.getByRole("alertdialog", { name: "Revoke this API key?" });
const problem = (status, detail) => ({ status, json: { title: "Failed", status, detail, code: status === 503 ? "unavailable" : "" } });

/** The API does as it is asked; of its answer only the beginning arrives. */
const cut = async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: (await response.text()).slice(0, 20) });
};

const begin = async (page, name) => {
  await signIn(page, "bob", "#/new");
  await page.getByLabel("Key name*").fill(name);
};

for (const [how, fail] of Object.entries({
  "is cut off": cut,
  "gets lost": async (route) => { await route.fetch(); await route.abort(); },
})) {
  test(`where the answer to Generate ${how}, another try makes no second key`, () => inPage({}, async (page) => {
    const name = `Made, but the answer ${how}`;
    await begin(page, name);
    await page.route("**/v1/tokens", fail, { times: 1 });
    await page.getByRole("button", { name: "Generate API key" }).click();
    await page.getByRole("alert").getByText("It isn’t certain whether the key was made. Generate it again: it won’t be made twice.").waitFor();
    assert.equal(await page.getByLabel("Key name*").inputValue(), name);
    await rowOf(page, name).waitFor({ state: "attached" });
    await page.getByRole("button", { name: "Generate API key" }).click();
    assert.equal(await whoami(await shownSecret(page)), 200);
    const { tokens } = await api("bob", "GET", `/v1/tokens?q=${encodeURIComponent(name)}`);
    assert.equal(tokens.length, 1);
  }));
}

test("a key that was made and used already is not made again", () => inPage({}, async (page) => {
  await begin(page, "Used meanwhile");
  let made;
  await page.route("**/v1/tokens", async (route) => {
    made = await (await route.fetch()).json();
    await route.abort();
  }, { times: 1 });
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByText("It isn’t certain whether the key was made").waitFor();
  assert.equal(await whoami(made.secret), 200);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("alert").getByText("This key was made already, and was used or changed since").waitFor();
  await page.getByLabel("Key name*").fill("Another one"); // another request
  await page.getByRole("button", { name: "Generate API key" }).click();
  assert.equal(await whoami(await shownSecret(page)), 200);
}));

for (const [status, certain] of [[409, true], [429, true], [500, false], [503, false]]) {
  test(`a ${status} to Generate is shown, and nothing is lost`, () => inPage({}, async (page) => {
    await begin(page, `After ${status}`);
    await page.route("**/v1/tokens", (route) => route.fulfill(problem(status, "Told by the API.")), { times: 1 });
    await page.getByRole("button", { name: "Generate API key" }).click();
    const alert = page.getByRole("alert").getByText("Told by the API.");
    await alert.waitFor();
    assert.equal((await alert.textContent()).includes("It isn’t certain"), !certain);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await shownSecret(page);
  }));
}

test("a code that the page doesn’t know is shown by its detail", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Before an unknown code");
  const unknown = { status: 403, json: { title: "Forbidden", status: 403, detail: "Told by a later API.", code: "of_a_later_day" } };
  await begin(page, "After an unknown code");
  await page.route("**/v1/tokens", (route) => route.fulfill(unknown));
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("alert").getByText("Told by a later API.").waitFor();
  await page.getByRole("button", { name: "Cancel" }).first().click();
  await rowOf(page, token.name).getByRole("button", { name: /^Revoke/ }).click();
  await page.route("**/revoke", (route) => route.fulfill(unknown));
  await question(page).getByRole("button", { name: "Revoke API key" }).click();
  await question(page).getByRole("alert").getByText("Told by a later API.").waitFor();
  await question(page).getByRole("button", { name: "Cancel" }).click();
  await page.route("**/v1/tokens?*", (route) => route.fulfill(unknown));
  await page.getByLabel("Active").check();
  await page.getByText("Told by a later API.").and(page.locator("#list-error-text")).waitFor();
  await page.route("**/v1/tokens/*", (route) => route.fulfill(unknown));
  await page.evaluate((id) => { location.hash = `#/tokens/${id}`; }, token.id);
  await page.getByRole("dialog", { name: "API key" }).getByText("Told by a later API.").waitFor();
}));

for (const viewport of [{ width: 320, height: 640 }, { width: 640, height: 400 }, { width: 320, height: 256 }]) {
  test(`at ${viewport.width} × ${viewport.height} a failure comes into sight`, () => inPage({ viewport }, async (page) => {
    await begin(page, "Out of sight");
    await page.route("**/v1/tokens", (route) => route.fulfill(problem(429, "Too many requests.")));
    await page.getByRole("button", { name: "Generate API key" }).click();
    await page.getByRole("alert").waitFor();
    const box = await page.getByRole("alert").boundingBox();
    assert.ok(box.y >= 0 && box.y + box.height <= viewport.height, JSON.stringify(box));
  }));
}

test("the form stays until its outcome can be shown", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("Key name*").fill("Not to be closed");
  const answer = await hold(page, "POST", "**/v1/tokens");
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("button", { name: "Generating…" }).waitFor();
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press("Escape");
  for (const name of ["Close", "Cancel"]) assert.ok(await form(page).getByRole("button", { name }).isDisabled());
  await page.goBack();
  await page.waitForFunction(() => location.hash === "#/new");
  assert.ok(await form(page).isVisible());
  await answer.release();
  await shownSecret(page);
}));

test("a failure of Generate reaches those who pressed Escape", () => inPage({}, async (page) => {
  await begin(page, "Escaped from");
  let fail;
  const failing = new Promise((resolve) => { fail = resolve; });
  await page.route("**/v1/tokens", async (route) => { await failing; await route.fulfill(problem(500, "Failed at last.")); });
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("button", { name: "Generating…" }).waitFor();
  await page.keyboard.press("Escape");
  fail();
  await page.getByRole("alert").getByText("Failed at last.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Discard", exact: true }).click();
  await form(page).waitFor({ state: "hidden" });
}));

for (const [how, fail, text] of [
  ["the service fails", (route) => route.fulfill(problem(503, "The service is busy.")), "The service is busy."],
  ["the network fails", (route) => route.abort(), "The service can’t be reached."],
  ["the answer is cut off", cut, "answer was cut off"],
]) {
  test(`where ${how}, revoking can be tried again`, () => inPage({}, async (page) => {
    const { token } = await issue("bob", `To revoke though ${how}`);
    await signIn(page, "bob");
    await rowOf(page, token.name).getByRole("button").click();
    await page.route("**/revoke", fail, { times: 1 });
    await question(page).getByRole("button", { name: "Revoke API key" }).click();
    await question(page).getByRole("alert").getByText(text).waitFor();
    assert.match(await rowOf(page, token.name).textContent(), /Active/);
    await question(page).getByRole("button", { name: "Revoke API key" }).click();
    await rowOf(page, token.name).getByText("Revoked").waitFor();
  }));
}

test("the question before revoking stays until its outcome can be shown", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Slow to go");
  await signIn(page, "bob");
  await rowOf(page, token.name).getByRole("button").click();
  const answer = await hold(page, "POST", "**/revoke");
  await question(page).getByRole("button", { name: "Revoke API key" }).click();
  await answer.asked;
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press("Escape");
  await page.evaluate(() => { location.hash = "#/new"; });
  await page.waitForFunction(() => location.hash !== "#/new");
  assert.ok(await question(page).isVisible());
  assert.ok(await question(page).getByRole("button", { name: "Cancel" }).isDisabled());
  assert.equal(await page.locator("dialog[open]").count(), 1);
  await answer.release();
  await rowOf(page, token.name).getByText("Revoked").waitFor();
}));

test("a slow answer about one key doesn’t replace another", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Opened second");
  const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  const slow = await hold(page, "GET", `**/v1/tokens/${unknown}`);
  await page.evaluate((id) => { location.hash = `#/tokens/${id}`; }, unknown);
  await slow.asked;
  await page.evaluate((id) => { location.hash = `#/tokens/${id}`; }, token.id);
  const panel = page.getByRole("dialog", { name: token.name });
  await panel.getByText(token.id).waitFor();
  await slow.release();
  assert.ok(await panel.getByText(token.id).isVisible());
}));

test("a key revoked before its facts came stays revoked", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Faster than its facts");
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  const facts = await hold(page, "GET", `**/v1/tokens/${token.id}`);
  await rowOf(page, token.name).getByRole("link").click();
  await facts.asked;
  const panel = page.getByRole("dialog", { name: token.name });
  await panel.getByRole("button", { name: "Revoke API key" }).click();
  await question(page).getByRole("button", { name: "Revoke API key" }).click();
  await panel.getByText("Revoked", { exact: true }).first().waitFor();
  await panel.getByRole("status").getByText(`API key ${token.name} revoked`).waitFor({ state: "attached" });
  await facts.release();
  assert.equal(await panel.getByRole("button", { name: "Revoke API key" }).isVisible(), false);
}));

test("a list asked for before a key was revoked doesn’t bring it back", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Faster than the list", 1);
  await signIn(page, "bob");
  const row = rowOf(page, token.name);
  await row.waitFor();
  const list = await hold(page, "GET", "**/v1/tokens?*");
  await page.getByLabel("Active").check();
  await list.asked;
  await row.getByRole("button").click();
  await question(page).getByRole("button", { name: "Revoke API key" }).click();
  await row.getByText("Revoked").waitFor();
  await list.release();
  await page.getByRole("status").getByText(/shown/).waitFor({ state: "attached" });
  assert.match(await row.textContent(), /Revoked/);
}));

test("a slow answer to an older filter doesn’t replace a newer one", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Gone and filtered");
  await issue("bob", "In use and filtered");
  await api("bob", "POST", `/v1/tokens/${token.id}/revoke`, {});
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  const older = await hold(page, "GET", "**/v1/tokens?status=active*");
  await page.getByLabel("Active").check();
  await older.asked;
  await page.getByLabel("Revoked").check();
  await rowOf(page, "In use and filtered").waitFor({ state: "detached" });
  await older.release();
  assert.ok(await rowOf(page, token.name).isVisible());
  assert.equal(await rowOf(page, "In use and filtered").count(), 0);
}));

test("there is no more to load of a list that is being replaced", () => inPage({}, async (page) => {
  const list = await hold(page, "GET", "**/v1/tokens?status=active*");
  await page.route("**/v1/tokens?*", (route) => route.fallback({ url: `${route.request().url()}&limit=1` })); // many pages of few keys
  await issue("bob", "One of two");
  await issue("bob", "Two of two");
  await signIn(page, "bob");
  const more = page.getByRole("button", { name: "Load more" });
  await more.waitFor();
  await page.getByLabel("Active").check();
  await list.asked;
  assert.equal(await more.isVisible(), false);
  await list.release();
  await more.click();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 2);
}));

test("the page says that it loads, and that it can’t", () => inPage({}, async (page) => {
  const list = await hold(page, "GET", "**/v1/tokens?*");
  await signIn(page, "bob");
  await page.getByText("Loading API keys…").waitFor();
  await list.release();
  await page.getByText("Loading API keys…").waitFor({ state: "hidden" });
  // As a network that wants a sign-in of its own first.
  await page.route("**/v1/tokens?*", (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Welcome</title>" }));
  await page.getByLabel("Revoked").check();
  await page.locator("#list-error").getByText("The service’s answer was cut off.").waitFor();
}));
