// Replacing a key's API token: from the panel or a notice's link to the new token in use.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  api, checkAccessibility, checkNoSidewaysScroll, chooseAtIssuer, close, inPage, issue, rowOf, shownSecret, signIn, waitForFocus, whoami,
} from "./console.mjs";

after(close);

const panelOf = (page, name) => page.getByRole("dialog", { name });
const form = (page) => page.getByRole("dialog", { name: "Replace API token" });
const confirm = (page) => form(page).getByRole("button", { name: "Replace API token" });
const rotate = (id, request = {}) => api("bob", "POST", `/v1/tokens/${id}/rotate`, request);
const shown = (id) => api("bob", "GET", `/v1/tokens/${id}`);

/** Copies the token that is shown, and closes its panel. */
async function save(page) {
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied to the clipboard.").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
}

test("by mouse, to the end", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "To be replaced", 30);
  assert.equal(await whoami(old), 200);
  await signIn(page, "bob");
  await rowOf(page, token.name).getByRole("link").click();
  const panel = panelOf(page, token.name);
  await panel.getByRole("link", { name: "Replace API token" }).click();
  await form(page).getByText(`gets a new API token and keeps its name`).waitFor();
  assert.ok((await form(page).textContent()).includes(token.hint));
  await form(page).getByText("30 days", { exact: true }).click();
  await form(page).getByText("The key stops working on").waitFor();
  await confirm(page).click();
  const fresh = await shownSecret(page);
  const how = await page.getByRole("dialog", { name: "Save your API token" }).textContent();
  assert.match(how, /Works until 24 hours after this one is first used, and at the latest until/);
  assert.equal(await page.evaluate(() => location.hash), `#/tokens/${token.id}`);
  await save(page);

  await panel.getByRole("heading", { name: "New API token not used yet" }).waitFor();
  assert.match(await panel.textContent(), /The old one, .*, works until .*It was last used .* from 127\.0\.0\.0\/24/s);
  assert.equal(await whoami(old), 200);
  assert.equal(await whoami(fresh), 200);
  await page.reload();
  await panel.getByRole("heading", { name: "New API token in use" }).waitFor();
  assert.match(await panel.textContent(), /First used .*\(just now\) from 127\.0\.0\.0\/24.*ends on/s);
  assert.equal(await panel.getByRole("button", { name: "Take the new one back" }).count(), 0);
}));

test("by keyboard, from the link of a notice", () => inPage({}, async (page) => {
  const press = (key) => page.keyboard.press(key);
  const focused = (locator) => locator.evaluate((element) => element === document.activeElement).catch(() => false);
  const tabTo = async (locator) => {
    await locator.waitFor();
    for (let presses = 0; presses < 60 && !(await focused(locator)); presses++) await press("Tab");
    assert.ok(await focused(locator), `${locator} can't be reached with Tab`);
  };
  const { token, secret: old } = await issue("bob", "From a notice", 10);
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await waitForFocus(page.getByRole("heading", { name: "Replace API token" }));
  await tabTo(page.getByLabel("180 days — recommended"));
  await tabTo(page.getByLabel("Works until 24 hours after the new one is first used — recommended"));
  await press("ArrowDown");
  assert.ok(await page.getByLabel("Works until 7 days after the new one is first used").isChecked());
  await tabTo(confirm(page));
  await press("Enter");
  const fresh = await shownSecret(page);
  await tabTo(page.getByRole("button", { name: "Copy API token" }));
  await press("Enter");
  await page.getByText("API token copied to the clipboard.").waitFor();
  await tabTo(page.getByRole("button", { name: "Done" }));
  await press("Enter");
  await waitForFocus(page.getByRole("heading", { name: token.name }));
  await page.getByText(`API token of ${token.name} replaced`).waitFor({ state: "attached" });
  assert.deepEqual([await whoami(old), await whoami(fresh)], [200, 200]);
  assert.equal((await shown(token.id)).rotation.overlap_hours, 168);
}));

test("an API token that may have leaked ends now", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "Leaked");
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await form(page).getByText("Ends now").click();
  await confirm(page).click();
  const fresh = await shownSecret(page);
  await page.getByText("Has ended", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("alertdialog").getByText("The old one has ended: without this one, nothing works.").waitFor();
  await page.getByRole("button", { name: "Close without saving" }).click();
  assert.deepEqual([await whoami(old), await whoami(fresh)], [401, 200]);
  const text = await page.evaluate(() => document.documentElement.outerHTML);
  assert.ok(!text.includes(fresh), "the secret is still in the page");
}));

test("what is on its way is replaced only after a question", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "On its way");
  assert.equal(await whoami(old), 200);
  const first = await rotate(token.id);
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  const question = page.getByRole("alertdialog", { name: "Take back the new API token that isn’t used yet?" });
  await confirm(page).click();
  await waitForFocus(question.getByRole("button", { name: "Go back" }));
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "hidden" });
  assert.equal((await shown(token.id)).rotation.version, first.token.rotation.version);
  await confirm(page).click();
  await question.getByRole("button", { name: "Replace it" }).click();
  const fresh = await shownSecret(page);
  assert.deepEqual([await whoami(first.secret), await whoami(old), await whoami(fresh)], [401, 200, 200]);
}));

test("somebody else has just replaced it: the question comes, too", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "Replaced by two");
  assert.equal(await whoami(old), 200);
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await confirm(page).waitFor();
  const others = await rotate(token.id);
  await confirm(page).click();
  const question = page.getByRole("alertdialog", { name: "Take back the new API token that isn’t used yet?" });
  await question.getByRole("button", { name: "Go back" }).click();
  assert.equal(await whoami(others.secret), 200);
  await confirm(page).click(); // it is in use by now, as the API says
  await question.getByRole("button", { name: "Replace it" }).click();
  await shownSecret(page);
  assert.equal(await whoami(others.secret), 200);
}));

test("a new API token is taken back", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "Taken back");
  assert.equal(await whoami(old), 200);
  const { secret: fresh } = await rotate(token.id);
  await signIn(page, "bob", `#/tokens/${token.id}`);
  const panel = panelOf(page, token.name);
  await panel.getByRole("button", { name: "Take the new one back" }).click();
  const question = page.getByRole("alertdialog", { name: "Take back the new API token?" });
  await waitForFocus(question.getByRole("button", { name: "Cancel" }));
  await question.getByRole("button", { name: "Take it back" }).click();
  await question.waitFor({ state: "hidden" });
  await panel.getByRole("heading", { name: "New API token not used yet" }).waitFor({ state: "detached" });
  await page.getByText("The new API token was taken back").waitFor({ state: "attached" });
  assert.deepEqual([await whoami(old), await whoami(fresh)], [200, 401]);

  // One that is used meanwhile is not.
  const again = await rotate(token.id);
  await page.reload();
  await panel.getByRole("button", { name: "Take the new one back" }).click();
  assert.equal(await whoami(again.secret), 200);
  await question.getByRole("button", { name: "Take it back" }).click();
  await page.getByRole("alert").getByText("The new API token is in use by now.").waitFor();
  assert.equal(await whoami(again.secret), 200);
}));

test("what has ended meanwhile is not replaced, and says so", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Revoked meanwhile");
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await confirm(page).waitFor();
  await api("bob", "POST", `/v1/tokens/${token.id}/revoke`, {});
  await confirm(page).click();
  await page.getByRole("alert").getByText("This key has expired or was revoked meanwhile.").waitFor();
  await form(page).getByRole("button", { name: "Cancel" }).click();
  const panel = panelOf(page, token.name);
  await panel.getByRole("link", { name: "New key like this" }).waitFor();
  assert.equal(await panel.getByRole("link", { name: "Replace API token" }).isVisible(), false);
}));

test("an answer that gets lost breaks nothing", () => inPage({}, async (page) => {
  const { token, secret: old } = await issue("bob", "Lost answer");
  assert.equal(await whoami(old), 200);
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await confirm(page).waitFor();
  await page.route("**/rotate", async (route) => { await route.fetch(); await route.abort(); }, { times: 1 });
  await confirm(page).click();
  await page.getByRole("alert").getByText("Nothing is lost: the old one works").waitFor();
  assert.equal(await whoami(old), 200);
  await confirm(page).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Replace it" }).click();
  assert.equal(await whoami(await shownSecret(page)), 200);
}));

test("a wrong date is said at its place", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Wrong date");
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  await form(page).getByText("Custom period").click();
  await confirm(page).click();
  await form(page).getByText("Choose an expiry date.").waitFor();
  await waitForFocus(form(page).getByLabel("Expiry date (UTC)"));
}));

test("a new key like one that is over", () => inPage({}, async (page) => {
  const { token } = await api("bob", "POST", "/v1/tokens", { name: "Over", expires_in_days: 30, scopes: ["write"], self_rotation: true });
  await api("bob", "POST", `/v1/tokens/${token.id}/revoke`, {});
  await signIn(page, "bob", `#/tokens/${token.id}`);
  await panelOf(page, "Over").getByRole("link", { name: "New key like this" }).click();
  const name = page.getByLabel("Key name*");
  await waitForFocus(name);
  assert.equal(await name.inputValue(), "Over");
  assert.ok(await page.getByRole("checkbox", { name: /^write/ }).isChecked());
  assert.ok(!await page.getByRole("checkbox", { name: /^read/ }).isChecked());
  assert.ok(await page.getByRole("checkbox", { name: "May replace its own API token" }).isChecked());
  await page.getByRole("button", { name: "Cancel" }).first().click(); // nothing was typed: no question
  await page.getByRole("dialog").first().waitFor({ state: "hidden" });

  // From the link in a notice; and one that isn't the person's to see.
  await page.goto(`/#/new?from=${token.id}`);
  await waitForFocus(name);
  assert.equal(await name.inputValue(), "Over");
  await page.getByRole("button", { name: "Generate API key" }).click();
  await shownSecret(page);
  await save(page);
  const others = await issue("alice", "Alice’s");
  await page.goto(`/#/new?from=${others.token.id}`);
  await waitForFocus(name);
  assert.equal(await name.inputValue(), "");
}));

test("who may replace nothing is offered nothing", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Seen by nobody without a role");
  await page.route("**/v1/tokens?*", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    await route.fulfill({ response, json: { ...answer, person: { ...answer.person, can_issue: false, role: null } } });
  });
  await signIn(page, "bob", `#/tokens/${token.id}/replace`);
  const panel = panelOf(page, token.name);
  await panel.getByRole("button", { name: "Revoke API key" }).waitFor();
  assert.equal(await form(page).isVisible(), false);
  assert.equal(await panel.getByRole("link", { name: "Replace API token" }).isVisible(), false);
  assert.equal(await page.evaluate(() => location.hash), `#/tokens/${token.id}`);
}));

const wide = { width: 1280, height: 800 };
for (const [look, options] of Object.entries({
  "light": { viewport: wide, colorScheme: "light" },
  "dark, 320 px": { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
  "forced colours": { viewport: wide, forcedColors: "active" },
})) {
  test(`every state of a replacement in ${look}`, () => inPage(options, async (page) => {
    const check = async (state) => {
      await checkAccessibility(page, `${state} in ${look}`);
      await checkNoSidewaysScroll(page, `${state} in ${look}`);
    };
    const { token, secret: old } = await issue("bob", `Replaced in ${look}`);
    assert.equal(await whoami(old), 200);
    await page.goto(`/#/tokens/${token.id}/replace`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await chooseAtIssuer(page, "bob");
    await confirm(page).waitFor();
    await check("form");
    await form(page).getByText("Custom period").click();
    await confirm(page).click();
    await form(page).getByText("Choose an expiry date.").waitFor();
    await check("wrong date");
    await form(page).getByText("30 days", { exact: true }).click();
    await confirm(page).click();
    const fresh = await shownSecret(page);
    await check("new token");
    await save(page);
    const panel = panelOf(page, token.name);
    await panel.getByRole("heading", { name: "New API token not used yet" }).waitFor();
    await check("not used yet");
    await panel.getByRole("button", { name: "Take the new one back" }).click();
    await page.getByRole("alertdialog").waitFor();
    await check("question before taking back");
    await page.getByRole("button", { name: "Cancel" }).last().click();
    await panel.getByRole("link", { name: "Replace API token" }).click();
    await confirm(page).click();
    await page.getByRole("alertdialog").waitFor();
    await check("question before replacing again");
    await page.getByRole("button", { name: "Go back" }).click();
    assert.equal(await whoami(fresh), 200);
    await page.goto(`/#/tokens/${token.id}`);
    await page.reload();
    await panel.getByRole("heading", { name: "New API token in use" }).waitFor();
    await check("in use");
  }));
}
