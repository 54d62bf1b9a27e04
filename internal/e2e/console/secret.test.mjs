// The secret is shown once. Nothing brings it back.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, generate, inPage, rowOf, shownSecret, signIn, waitForFocus } from "./console.mjs";

after(close);

/** All that a page or its history keeps. */
const kept = (page) => page.evaluate(() => JSON.stringify([
  document.documentElement.outerHTML, location.href, history.state, { ...sessionStorage }, { ...localStorage }, document.cookie,
  performance.getEntries().map((entry) => entry.name), [...document.querySelectorAll("input")].map((input) => input.value),
]));

const warning = (page) => page.getByRole("alertdialog", { name: "Close without saving the token?" });

test("it is in the panel and nowhere else", () => inPage({}, async (page, context) => {
  await signIn(page, "bob");
  const answered = page.waitForResponse((response) => response.request().method() === "POST" && response.url().endsWith("/v1/tokens"));
  await generate(page, "Nowhere else");
  assert.equal((await answered).headers()["cache-control"], "no-store");
  const secret = await shownSecret(page);
  const parts = (await kept(page)).split(secret);
  assert.equal(parts.length, 2, "the secret is in the document once, and in no address or store");
  assert.ok(!JSON.stringify(await context.storageState()).includes(secret));
}));

for (const [how, leave] of Object.entries({
  "reload": (page) => page.reload(),
  "going away and back": async (page) => { await page.goto("about:blank"); await page.goBack(); },
  "following a link of an e-mail": async (page) => { await page.evaluate(() => { location.hash = "#/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV"; }); await page.reload(); },
})) {
  test(`${how} doesn't bring it back`, () => inPage({}, async (page) => {
    page.on("dialog", (dialog) => dialog.accept()); // the browser asks before an unsaved secret is left
    await signIn(page, "bob");
    await generate(page, how);
    const secret = await shownSecret(page);
    await leave(page);
    await rowOf(page, how).waitFor({ state: "attached" });
    assert.ok(!(await kept(page)).includes(secret));
  }));
}

test("a page taken back from the browser's memory has been wiped", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await generate(page, "From memory");
  const secret = await shownSecret(page);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  assert.ok(!(await kept(page)).includes(secret));
  assert.equal(await page.locator("dialog[open]").count(), 0);
}));

test("Done warns if it was neither copied nor downloaded", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await generate(page, "Not saved");
  const secret = await shownSecret(page);
  await page.getByRole("button", { name: "Done" }).click();
  await warning(page).getByRole("button", { name: "Go back" }).click();
  assert.equal(await shownSecret(page), secret);
  await page.getByRole("button", { name: "Done" }).click();
  await warning(page).getByRole("button", { name: "Close without saving" }).click();
  await rowOf(page, "Not saved").waitFor();
  assert.ok(!(await kept(page)).includes(secret));
}));

test("Escape warns, too, however often it is pressed", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await generate(page, "Escape");
  const secret = await shownSecret(page);
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => document.getElementById("secret").open);
  }
  assert.equal(await shownSecret(page), secret);
  if (!await warning(page).isVisible()) await page.keyboard.press("Escape");
  await warning(page).getByRole("button", { name: "Go back" }).click();
}));

for (const [what, hash] of Object.entries({ "the form": "#/new", "another key": "#/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV" })) {
  test(`a link to ${what} asks before it takes the place of a secret`, () => inPage({}, async (page) => {
    await signIn(page, "bob");
    await generate(page, `Covered by ${what}`);
    const secret = await shownSecret(page);
    await page.evaluate((to) => { location.hash = to; }, hash);
    await warning(page).getByRole("button", { name: "Go back" }).click();
    assert.equal(await shownSecret(page), secret);
    assert.equal(new URL(page.url()).hash, "#/");
    assert.equal(await page.locator("dialog[open]").count(), 1);
    await page.getByRole("button", { name: "Copy API token" }).click();
    await page.getByText("API token copied").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await rowOf(page, `Covered by ${what}`).waitFor();
  }));
}

test("the browser asks before an unsaved secret is left, and only then", () => inPage({}, async (page) => {
  const asked = [];
  page.on("dialog", (dialog) => { asked.push(dialog.type()); dialog.accept(); });
  await signIn(page, "bob");
  await generate(page, "Left unsaved");
  await page.reload();
  await rowOf(page, "Left unsaved").waitFor();
  assert.deepEqual(asked, ["beforeunload"]);
  await generate(page, "Left saved");
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied").waitFor();
  await page.reload();
  await rowOf(page, "Left saved").waitFor();
  assert.deepEqual(asked, ["beforeunload"]);
}));

test("Done asks nothing once it is copied by hand", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await generate(page, "By hand");
  await page.getByRole("group", { name: "API token" }).click();
  await page.keyboard.press("Control+C");
  await page.getByText("API token copied").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await rowOf(page, "By hand").waitFor();
}));

test("a new key is shown even where the list doesn’t know it yet", () => inPage({}, async (page) => {
  // As an index that lags behind, which the local table's never does.
  await page.route("**/v1/tokens?*", async (route) => {
    const response = await route.fetch();
    const list = await response.json();
    await route.fulfill({ response, json: { ...list, tokens: list.tokens.filter(({ name }) => name !== "Ahead of its index") } });
  });
  await signIn(page, "bob");
  await generate(page, "Ahead of its index");
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await waitForFocus(rowOf(page, "Ahead of its index").getByRole("link"));
  await page.getByRole("status").getByText("API key Ahead of its index added").waitFor({ state: "attached" });
}));

test("Done asks nothing once it is copied", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await generate(page, "Key copied");
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await rowOf(page, "Key copied").waitFor();
  assert.equal(await page.locator("dialog[open]").count(), 0);
}));

// A browser may block a download, and tells no page of it.
test("a download is said to have started, and Done asks whether it has arrived", () => inPage({}, async (page) => {
  const left = [];
  page.on("dialog", (dialog) => { left.push(dialog.type()); dialog.dismiss(); });
  await signIn(page, "bob");
  await generate(page, "Key downloaded");
  const secret = await shownSecret(page);
  await page.getByRole("button", { name: "Download .txt" }).click();
  await page.getByText("Download started: key-downloaded.txt.").waitFor();
  assert.equal(await page.getByText("downloaded.", { exact: true }).count(), 0);
  const question = page.getByRole("alertdialog", { name: "Has the download arrived?" });
  await page.getByRole("button", { name: "Done" }).click();
  await question.getByText("Look for the file key-downloaded.txt first").waitFor();
  await question.getByRole("button", { name: "Go back" }).click();
  assert.equal(await shownSecret(page), secret);
  await page.getByRole("button", { name: "Done" }).click();
  await question.getByRole("button", { name: "Close, I have the file" }).click();
  await rowOf(page, "Key downloaded").waitFor();
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.deepEqual(left, []);
}));

test("the browser asks before a page is left of which only a download has started", () => inPage({}, async (page) => {
  const asked = [];
  page.on("dialog", (dialog) => { asked.push(dialog.type()); dialog.accept(); });
  await signIn(page, "bob");
  await generate(page, "Left after a download");
  await page.getByRole("button", { name: "Download .txt" }).click();
  await page.getByText("Download started").waitFor();
  await page.reload();
  await rowOf(page, "Left after a download").waitFor();
  assert.deepEqual(asked, ["beforeunload"]);
}));

test("a browser that refuses to copy is no dead end", () => inPage({}, async (page) => {
  await page.addInitScript(() => { navigator.clipboard.writeText = () => Promise.reject(new Error("refused")); });
  await signIn(page, "bob");
  await generate(page, "Refused");
  const secret = await shownSecret(page);
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("Your browser didn’t allow copying.").waitFor();
  assert.equal(await page.evaluate(() => getSelection().toString()), secret, "it is selected for copying by hand");
  await page.getByRole("button", { name: "Done" }).click();
  await warning(page).waitFor();
}));
