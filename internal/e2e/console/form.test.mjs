// The panel "Add new API key": its periods and its errors.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { base, close, inPage, issue, rowOf, settings, shownSecret, signIn, waitForFocus } from "./console.mjs";

after(close);

const DAY = 24 * 60 * 60 * 1000;
const day = (days) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
const words = (date) => new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" }).format(new Date(date));

const openPanel = async (page) => {
  await signIn(page, "bob", "#/new");
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
};

// West of Greenwich the calendar day is another one for a part of the day: the page must
// go by UTC all the same.
for (const timezoneId of ["Pacific/Honolulu", "Pacific/Kiritimati"]) {
  test(`a custom period, seen from ${timezoneId}`, () => inPage({ timezoneId }, async (page) => {
    await openPanel(page);
    const summary = page.locator("#period-summary");
    assert.match(await summary.textContent(), new RegExp(`${words(day(180))} at 00:00 UTC, 180 days from today`));
    await page.getByLabel("30 days").check();
    assert.match(await summary.textContent(), new RegExp(`${words(day(30))} at 00:00 UTC, 30 days from today`));

    await page.getByLabel("Custom period").check();
    const date = page.getByLabel("Expiry date (UTC)");
    assert.deepEqual([await date.getAttribute("min"), await date.getAttribute("max")], [day(1), day(365)]);
    await date.fill(day(45));
    assert.match(await summary.textContent(), new RegExp(`${words(day(45))} at 00:00 UTC, 45 days from today`));
    await date.fill(day(1));
    assert.match(await summary.textContent(), /1 day from today/);
    for (const impossible of [day(-23), day(0), day(366)]) {
      await date.fill(impossible);
      assert.match(await summary.textContent(), /^Choose the day/);
    }

    await date.fill(day(45));
    await page.getByLabel("Key name*").fill(`Custom ${timezoneId}`);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await shownSecret(page);
    assert.equal(await page.locator("#secret-expires").textContent(), `${words(day(45))}, 00:00 UTC`);
    await page.getByRole("button", { name: "Copy API token" }).click();
    await page.getByRole("button", { name: "Done" }).click();
    await rowOf(page, `Custom ${timezoneId}`).getByText("in 45 days").waitFor();
  }));
}

test("the API's errors land at their fields", () => inPage({}, async (page) => {
  await openPanel(page);
  const name = page.getByLabel("Key name*");
  const date = page.getByLabel("Expiry date (UTC)");
  const generate = () => page.getByRole("button", { name: "Generate API key" }).click();
  const fails = async (field, text) => {
    await page.waitForFunction((element) => element === document.activeElement, await field.elementHandle());
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const description = await field.evaluate((element) =>
      element.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" "));
    assert.match(description, text);
  };

  await generate();
  await fails(name, /name/i);
  await name.fill("x".repeat(101));
  await generate();
  await fails(name, /100 characters/);

  await name.fill("Errors");
  await page.getByLabel("Custom period").check();
  assert.equal(await name.getAttribute("aria-invalid"), null, "an error goes when it is mended");
  assert.equal(await page.locator("#key-name-error").isVisible(), false);
  await generate();
  await fails(date, /Choose an expiry date\./);
  await date.fill(day(366));
  assert.equal(await date.getAttribute("aria-invalid"), null);
  await generate();
  await fails(date, new RegExp(`between ${day(1)} and ${day(365)}`));

  await name.fill("");
  await generate();
  await fails(name, /name/i);
  assert.equal(await date.getAttribute("aria-invalid"), "true", "all that is wrong is shown at once");

  await name.fill("Errors mended");
  await date.fill(day(365));
  await generate();
  await shownSecret(page);
}));

test("a failure without a field keeps what was typed", () => inPage({}, async (page, context) => {
  await openPanel(page);
  await page.getByLabel("Key name*").fill("Typed with care");
  await context.setOffline(true);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("alert").getByText("The service can’t be reached.").waitFor();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "Typed with care");
  await context.setOffline(false);
  await page.getByRole("button", { name: "Generate API key" }).click();
  await shownSecret(page);
}));

test("scopes are offered as the deployment has them", () => inPage({}, async (page) => {
  const offered = settings.token_scopes;
  assert.ok(offered.length > 1, "the local run offers scopes");
  await openPanel(page);
  const boxes = page.getByRole("group", { name: "Scopes" }).getByRole("checkbox");
  assert.equal(await boxes.count(), offered.length);
  await page.getByLabel("Key name*").fill("With a scope");
  await page.getByRole("checkbox", { name: offered[1].name }).check();
  await page.getByText("The key can do what is chosen, and nothing else.").waitFor();
  await page.getByRole("button", { name: "Generate API key" }).click();
  const secret = await shownSecret(page);
  const answer = await fetch(`${base}/v1/whoami`, { headers: { Authorization: `Bearer ${secret}` } });
  assert.deepEqual((await answer.json()).scopes, [offered[1].name]);
}));

test("a second press while the API works makes no second key", () => inPage({}, async (page) => {
  let posts = 0;
  page.on("request", (request) => { if (request.method() === "POST" && request.url().endsWith("/v1/tokens")) posts++; });
  await openPanel(page);
  await page.getByLabel("Key name*").fill("Once");
  await page.getByRole("button", { name: "Generate API key" }).dblclick();
  await shownSecret(page);
  assert.equal(posts, 1);
}));

/** Opens the form of a page whose settings are changed. */
const openChanged = async (page, change) => {
  await page.addInitScript((changed) => {
    const { get } = Object.getOwnPropertyDescriptor(Node.prototype, "textContent");
    Object.defineProperty(HTMLScriptElement.prototype, "textContent", { get() { return this.id === "settings" ? changed : get.call(this); } });
  }, JSON.stringify({ ...settings, ...change }));
  await openPanel(page);
};

test("an unticked list of scopes says that the key can only identify itself, and none is asked for", () => inPage({}, async (page) => {
  await openPanel(page);
  await page.getByText("None is chosen: the key can only identify itself, and do nothing else.").waitFor();
  await page.getByLabel("Key name*").fill("Without scopes");
  const posted = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/v1/tokens"));
  await page.getByRole("button", { name: "Generate API key" }).click();
  assert.deepEqual((await posted).postDataJSON().scopes, []);
  await shownSecret(page);
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await rowOf(page, "Without scopes").getByRole("link").click();
  await page.getByRole("dialog", { name: "Without scopes" }).getByText("None: this key can only identify itself").waitFor();
}));

test("scopes have their descriptions beside them", () => inPage({}, async (page) => {
  await openChanged(page, { token_scopes: [{ name: "read", description: "See reports, and who made them" }, { name: "write", description: "" }] });
  await page.getByRole("checkbox", { name: "read See reports, and who made them" }).check();
  await page.getByRole("checkbox", { name: "write", exact: true }).waitFor();
}));

// The local run offers scopes; what the API makes of a request without them is its own tests' matter.
test("where no scopes are on offer, the form says that keys aren’t limited", () => inPage({}, async (page) => {
  await openChanged(page, { token_scopes: [] });
  await page.getByText("this key can do everything that the API offers").waitFor();
  assert.equal(await page.locator("[name=scopes]").count(), 0);
  await page.getByLabel("Key name*").fill("Not limited");
  const posted = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/v1/tokens"));
  await page.getByRole("button", { name: "Generate API key" }).click();
  assert.ok(!("scopes" in (await posted).postDataJSON()));
}));

for (const [scopes, text] of [[null, "Not limited: this key may do everything"], [[], "None: this key can only identify itself"]]) {
  test(`scopes that are ${JSON.stringify(scopes)} are said in words`, () => inPage({}, async (page) => {
    const { token } = await issue("bob", `Scopes ${JSON.stringify(scopes)}`);
    await page.route(`**/v1/tokens/${token.id}`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...await response.json(), scopes } });
    });
    await signIn(page, "bob", `#/tokens/${token.id}`);
    await page.getByRole("dialog", { name: token.name }).getByText(text).waitFor();
  }));
}

const question = (page) => page.getByRole("alertdialog", { name: "Discard what you have typed?" });

test("Esc on a half-filled form asks, however often it is pressed", () => inPage({}, async (page) => {
  await openPanel(page);
  await page.getByLabel("Key name*").fill("Half");
  for (let presses = 0; presses < 4; presses++) {
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.getElementById("new-key").open);
  }
  if (!await question(page).isVisible()) await page.keyboard.press("Escape");
  await question(page).getByRole("button", { name: "Go on" }).click();
  assert.equal(await page.getByLabel("Key name*").inputValue(), "Half");
  await page.getByRole("dialog", { name: "Add new API key" }).getByRole("button", { name: "Close" }).click();
  await question(page).getByRole("button", { name: "Discard" }).click();
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor({ state: "hidden" });
  await page.waitForFunction(() => location.hash === "#/");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await waitForFocus(page.getByLabel("Key name*"));
  assert.equal(await page.getByLabel("Key name*").inputValue(), "", "what was discarded is gone");
}));

test("a form in which nothing was typed closes without a question, and so does Cancel", () => inPage({}, async (page) => {
  const form = page.getByRole("dialog", { name: "Add new API key" });
  await openPanel(page);
  await page.keyboard.press("Escape");
  await form.waitFor({ state: "hidden" });
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("30 days").check();
  await form.getByRole("button", { name: "Cancel" }).click();
  await form.waitFor({ state: "hidden" });
  assert.equal(await question(page).isVisible(), false);
}));

for (const [how, go] of Object.entries({
  "going back": (page) => page.goBack(),
  "a link to a key": (page, id) => page.evaluate((to) => { location.hash = `#/tokens/${to}`; }, id),
})) {
  test(`${how} asks before a half-filled form is lost`, () => inPage({}, async (page) => {
    const { token } = await issue("bob", `Elsewhere by ${how}`);
    await signIn(page, "bob");
    await page.getByRole("link", { name: "Add new API key" }).click();
    await page.getByLabel("Key name*").fill("Half");
    await go(page, token.id);
    await question(page).getByRole("button", { name: "Go on" }).click();
    assert.equal(await page.getByLabel("Key name*").inputValue(), "Half");
    assert.equal(new URL(page.url()).hash, "#/new");
    await go(page, token.id);
    await question(page).getByRole("button", { name: "Discard" }).click();
    await page.getByRole("dialog", { name: "Add new API key" }).waitFor({ state: "hidden" });
    if (how === "a link to a key") await page.getByRole("dialog", { name: token.name }).waitFor();
  }));
}

for (const days of [-400, 3]) {
  test(`the form goes by the server’s clock where this computer’s is ${days} days off`, () => inPage({}, async (page) => {
    await page.clock.setFixedTime(Date.now() + days * DAY);
    await openPanel(page);
    assert.match(await page.locator("#period-summary").textContent(), new RegExp(`${words(day(180))} at 00:00 UTC, 180 days from today`));
    await page.getByLabel("Custom period").check();
    const date = page.getByLabel("Expiry date (UTC)");
    assert.deepEqual([await date.getAttribute("min"), await date.getAttribute("max")], [day(1), day(365)]);
    await date.fill(day(365));
    await page.getByLabel("Key name*").fill(`Clock ${days} days off`);
    await page.getByRole("button", { name: "Generate API key" }).click();
    await shownSecret(page);
  }));
}

test("a secret pasted as a name is not sent or kept", () => inPage({}, async (page) => {
  const { token, secret } = await issue("bob", "Pasted as a name");
  const sent = [];
  page.on("request", (request) => sent.push(request.url(), request.postData() ?? ""));
  await openPanel(page);
  await page.getByLabel("Key name*").fill(secret);
  await page.getByText("That was an API token, which must stay secret.").waitFor();
  assert.equal(await page.getByLabel("Key name*").inputValue(), token.id);
  assert.ok(!sent.some((text) => text.includes(secret)));
  await waitForFocus(page.getByLabel("Key name*"));
}));
