// Somebody leaves, and returns; several keys are revoked in one go.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, checkAccessibility, checkNoSidewaysScroll, close, hold, inPage, issue, rowOf, signIn, waitForFocus, whoami } from "./console.mjs";

after(close);

const panelOf = (page, name) => page.getByRole("dialog", { name });
const asked = (page) => page.getByRole("alertdialog");

/** Opens a key of somebody else's as alice. */
async function openAsAdmin(page, token) {
  await signIn(page, "alice");
  await page.getByRole("heading", { name: "API keys", exact: true }).waitFor();
  await page.getByLabel("Everyone’s").check();
  await page.getByLabel("Filter by name").fill(token.id);
  await rowOf(page, token.name).getByRole("link").click();
}

// frank leaves in this test only: he can have no keys meanwhile.
test("somebody leaves, and returns", () => inPage({}, async (page) => {
  const keys = [await issue("frank", "Frank’s export", 30), await issue("frank", "Frank’s import", 60)];
  for (const { secret } of keys) assert.equal(await whoami(secret), 200);
  const [{ token }] = keys;
  await openAsAdmin(page, token);
  const panel = panelOf(page, token.name);
  await panel.getByRole("button", { name: "Has left…" }).click();
  await asked(page).getByText("2 API keys will stop working at once; 2 used in the last 30 days.").waitFor();
  const text = await asked(page).textContent();
  for (const part of ["frank@acme.example", "Frank’s export", "Frank’s import"]) assert.ok(text.replaceAll("\u200b", "").includes(part), `${text} lacks ${part}`);
  assert.ok(await asked(page).getByRole("button", { name: "Cancel" }).evaluate((button) => button === document.activeElement), "what is harmless has the focus");
  await checkAccessibility(page);
  await page.keyboard.press("Escape");
  for (const { secret } of keys) assert.equal(await whoami(secret), 200);

  await panel.getByRole("button", { name: "Has left…" }).click();
  await asked(page).getByRole("button", { name: "Mark as left and revoke" }).click();
  await asked(page).waitFor({ state: "hidden" });
  await panel.getByText("Left the organization").waitFor();
  await panel.getByText("Revoked", { exact: true }).first().waitFor();
  for (const { secret } of keys) assert.equal(await whoami(secret), 401);
  await assert.rejects(issue("frank", "One more", 30), /403/);

  await panel.getByRole("button", { name: "Has returned…" }).click();
  await checkAccessibility(page);
  await asked(page).getByRole("button", { name: "They have returned" }).click();
  await panel.getByRole("button", { name: "Has left…" }).waitFor();
  const { secret } = await issue("frank", "Back", 30);
  assert.equal(await whoami(secret), 200);
}));

test("who is no admin, and of one’s own keys, is asked nothing", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Own key", 30);
  await signIn(page, "bob");
  await rowOf(page, token.name).getByRole("link").click();
  await panelOf(page, token.name).getByText(token.id).waitFor();
  assert.equal(await page.getByRole("button", { name: "Has left…" }).count(), 0);
  await inPage({}, async (other) => {
    const mine = await issue("alice", "An admin’s own", 30);
    await openAsAdmin(other, mine.token);
    await panelOf(other, mine.token.name).getByText(mine.token.id).waitFor();
    assert.equal(await other.getByRole("button", { name: "Has left…" }).count(), 0);
  });
}));

test("several keys in one go, by keyboard", () => inPage({}, async (page) => {
  const made = [];
  for (const name of ["Many one", "Many two", "Many three"]) made.push(await issue("bob", name, 30));
  await signIn(page, "bob");
  await page.getByLabel("Filter by name").fill("Many");
  await page.getByRole("status").getByText("3 API keys shown").waitFor();
  for (const name of ["Many one", "Many three"]) {
    await page.getByRole("checkbox", { name: `Select API key ${name}` }).focus();
    await page.keyboard.press("Space");
  }
  const selected = page.getByRole("region", { name: "Selected API keys" });
  await selected.getByText("2 API keys selected").waitFor();
  await checkAccessibility(page);
  await selected.getByRole("button", { name: "Revoke 2 API keys…" }).focus();
  await page.keyboard.press("Enter");
  await asked(page).getByRole("heading", { name: "Revoke 2 API keys?" }).waitFor();
  assert.match(await asked(page).textContent(), /Many threenever used.*Many one|Many onenever used.*Many three/s);
  await checkAccessibility(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await asked(page).waitFor({ state: "hidden" });
  await waitForFocus(page.getByRole("heading", { name: "API keys", exact: true }));
  assert.equal(await selected.isVisible(), false);
  assert.equal(await whoami(made[0].secret), 401);
  assert.equal(await whoami(made[1].secret), 200);
  assert.equal(await whoami(made[2].secret), 401);
  assert.match(await rowOf(page, "Many one").textContent(), /Revoked/);
  assert.match(await rowOf(page, "Many two").textContent(), /Active/);
  assert.equal(await page.getByRole("checkbox", { name: "Select API key Many one" }).count(), 0);
}));

test("what could not be revoked is named, and tried again", () => inPage({}, async (page) => {
  const { token, secret } = await issue("bob", "Stubborn", 30);
  await signIn(page, "bob");
  await page.getByRole("checkbox", { name: "Select API key Stubborn" }).check();
  await page.route("**/v1/tokens/revoke", (route) => route.fulfill({
    json: { results: [{ id: token.id, name: token.name, outcome: "failed" }] },
  }), { times: 1 });
  await page.getByRole("button", { name: "Revoke 1 API key…" }).click();
  const confirm = asked(page).getByRole("button", { name: "Revoke them" });
  await confirm.click();
  await asked(page).getByText("0 API keys revoked, 1 API key not: Stubborn. Try again.").waitFor();
  assert.equal(await whoami(secret), 200);
  await confirm.click();
  await asked(page).waitFor({ state: "hidden" });
  assert.equal(await whoami(secret), 401);
}));

test("clearing, filters and small screens", () => inPage({ viewport: { width: 320, height: 700 } }, async (page) => {
  await issue("bob", "Narrow", 30);
  await signIn(page, "bob");
  await page.getByRole("checkbox", { name: "Select API key Narrow" }).check();
  await checkNoSidewaysScroll(page);
  await checkAccessibility(page);
  const selected = page.getByRole("region", { name: "Selected API keys" });
  await selected.getByRole("button", { name: "Clear" }).click();
  assert.equal(await selected.isVisible(), false);
  assert.equal(await page.getByRole("checkbox", { name: "Select API key Narrow" }).isChecked(), false);
  await page.getByRole("checkbox", { name: "Select API key Narrow" }).check();
  await page.getByLabel("Filter by name").fill("no such key");
  await selected.waitFor({ state: "hidden" }); // what is not shown is not revoked
}));

test("a person who goes on meanwhile is not asked about another", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Slow to ask", 30);
  await openAsAdmin(page, token);
  await panelOf(page, token.name).getByRole("button", { name: "Has left…" }).waitFor();
  const answer = await hold(page, "POST", "**/v1/people/leave");
  await panelOf(page, token.name).getByRole("button", { name: "Has left…" }).click();
  await answer.asked;
  assert.equal(await asked(page).getByRole("button", { name: "Mark as left and revoke" }).isDisabled(), true);
  await page.keyboard.press("Escape");
  await answer.release();
  assert.equal(await asked(page).count(), 0);
  assert.equal((await api("bob", "GET", `/v1/tokens/${token.id}`)).status, "active");
}));
