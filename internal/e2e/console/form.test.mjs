// The panel "Add new API key": its periods and its errors.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { base, close, inPage, rowOf, shownSecret, signIn } from "./console.mjs";

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
  const { token_scopes: offered } = await (await fetch(`${base}/assets/config.json`)).json();
  assert.ok(offered.length > 1, "the local run offers scopes");
  await openPanel(page);
  const boxes = page.getByRole("group", { name: "Scopes" }).getByRole("checkbox");
  assert.equal(await boxes.count(), offered.length);
  await page.getByLabel("Key name*").fill("With a scope");
  await page.getByRole("checkbox", { name: offered[1] }).check();
  await page.getByRole("button", { name: "Generate API key" }).click();
  const secret = await shownSecret(page);
  const answer = await fetch(`${base}/v1/whoami`, { headers: { Authorization: `Bearer ${secret}` } });
  assert.deepEqual((await answer.json()).scopes, [offered[1]]);
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
