// The whole life of an API key, once by mouse and once by keyboard alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { base, chooseAtIssuer, close, inPage, rowOf, shownSecret, signIn, waitForFocus, whoami } from "./console.mjs";

after(close);

test("by mouse", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("Key name*").fill("By mouse");
  await page.getByLabel("180 days — recommended").check();
  await page.getByRole("button", { name: "Generate API key" }).click();
  const secret = await shownSecret(page);

  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied to the clipboard.").waitFor();
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download .txt" }).click();
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "by-mouse.txt");
  const text = await readFile(await download.path(), "utf8");
  for (const part of [secret, "By mouse", "How to use it", `curl -H "Authorization: Bearer ${secret}" ${base}/v1/whoami`]) {
    assert.ok(text.includes(part), `the file lacks ${part === secret ? "the secret" : part}`);
  }
  await page.getByRole("button", { name: "Done" }).click();

  const row = rowOf(page, "By mouse");
  await row.getByText("Active").waitFor();
  assert.match(await row.textContent(), /in 180 days/);
  assert.match(await row.textContent(), /Never/);
  assert.equal(await whoami(secret), 200);
  await page.reload();
  await row.getByText("just now").waitFor(); // its last use

  await row.getByRole("link", { name: "By mouse" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke API key" }).click();
  const question = page.getByRole("alertdialog", { name: "Revoke this API key?" });
  assert.match(await question.textContent(), /By mouse.*Applications and services that use it will stop working/s);
  assert.equal(await whoami(secret), 200, "one press must not revoke");
  await question.getByRole("button", { name: "Revoke API key" }).click();
  await page.getByRole("dialog").getByText("Revoked", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();

  await row.getByText("Revoked").waitFor();
  assert.equal(await row.getByRole("button").count(), 0);
  assert.equal(await whoami(secret), 401);

  await page.evaluate(() => document.querySelector("main").append(document.createElement("textarea")));
  await page.locator("textarea").focus();
  await page.keyboard.press("Control+V");
  assert.equal(await page.locator("textarea").inputValue(), secret, "what was copied is the token");
}));

test("by keyboard", () => inPage({}, async (page) => {
  const press = (key) => page.keyboard.press(key);
  const focused = (locator) => locator.evaluate((element) => element === document.activeElement).catch(() => false);
  // Tab until the element has the focus: it must be in the tab order, and visibly focused.
  const tabTo = async (locator) => {
    await locator.waitFor();
    for (let presses = 0; presses < 60 && !(await focused(locator)); presses++) await press("Tab");
    assert.ok(await focused(locator), `${locator} can't be reached with Tab`);
    const outline = await locator.evaluate((element) => getComputedStyle(element).outlineStyle);
    assert.notEqual(outline, "none", `${locator} shows no focus`);
  };

  await page.goto("/");
  await tabTo(page.getByRole("button", { name: "Sign in" }));
  await press("Enter");
  await chooseAtIssuer(page, "bob", async (button) => { await tabTo(button); await press("Enter"); });

  await tabTo(page.getByRole("link", { name: "Add new API key" }));
  await press("Enter");
  const name = page.getByLabel("Key name*");
  await name.waitFor();
  assert.ok(await focused(name), "the panel begins at its first field");
  await page.keyboard.type("By keyboard");
  await tabTo(page.getByLabel("180 days — recommended"));
  await press("ArrowDown");
  assert.ok(await page.getByLabel("30 days").isChecked());
  await press("Enter"); // from any field, as in every form

  const secret = await shownSecret(page);
  await tabTo(page.getByRole("button", { name: "Copy API token" }));
  await press("Enter");
  await page.getByRole("status").getByText("API token copied to the clipboard.").waitFor();
  const downloading = page.waitForEvent("download");
  await tabTo(page.getByRole("button", { name: "Download .txt" }));
  await press("Space");
  await downloading;
  await tabTo(page.getByRole("button", { name: "Done" }));
  await press("Enter");

  const row = rowOf(page, "By keyboard");
  await row.getByText("Active").waitFor();
  const link = row.getByRole("link");
  await page.waitForFunction(() => document.activeElement?.textContent === "By keyboard"); // the focus goes to the new key
  assert.equal(await whoami(secret), 200);

  await press("Enter");
  await tabTo(page.getByRole("dialog").getByRole("button", { name: "Revoke API key" }));
  await press("Enter");
  const question = page.getByRole("alertdialog", { name: "Revoke this API key?" });
  await question.waitFor();
  assert.ok(await focused(question.getByRole("button", { name: "Cancel" })), "the focus starts at what does no harm");
  await press("Escape");
  await question.waitFor({ state: "hidden" });
  await press("Enter"); // the focus is back at the button
  await tabTo(question.getByRole("button", { name: "Revoke API key" }));
  await press("Enter");
  await question.waitFor({ state: "hidden" });
  await page.getByRole("dialog").getByText("Revoked", { exact: true }).first().waitFor();
  await press("Escape");

  await row.getByText("Revoked").waitFor();
  await waitForFocus(link);
  assert.equal(await whoami(secret), 401);
}));
