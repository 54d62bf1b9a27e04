// What people hear who can't see the page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, hold, inPage, issue, rowOf, signIn, waitForFocus } from "./console.mjs";

const tokens = {};

before(async () => {
  tokens.alice = (await issue("alice", "Not bob’s", 30)).token;
  tokens.soon = (await issue("bob", "Heard soon", 15)).token;
  tokens.later = (await issue("bob", "Heard later", 16)).token;
});
after(close);

/** What a reader of the page's live regions hears, in its order; hidden ones are silent. */
const listen = (page) => page.addInitScript(() => {
  globalThis.heard = [];
  addEventListener("DOMContentLoaded", () => {
    for (const live of document.querySelectorAll("[role=status], [role=alert]")) {
      new MutationObserver(() => {
        const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
        const inert = dialog && !dialog.contains(live); // what is behind an open dialog is silent
        if (live.textContent && !inert) globalThis.heard.push(live.textContent);
      }).observe(live, { childList: true, subtree: true, characterData: true });
    }
  });
});
const heard = (page) => page.evaluate(() => globalThis.heard);

test("a mail’s link announces the key’s name, status and expiry, and nothing of the list", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Heard soon").waitFor();
  await listen(page);
  for (const first of ["the list", "the key"]) {
    // Whichever answer comes first.
    const late = await hold(page, "GET", first === "the list" ? `**/v1/tokens/${tokens.soon.id}` : "**/v1/tokens?*");
    await page.goto("about:blank");
    await page.goto(`/#/tokens/${tokens.soon.id}`);
    await late.asked;
    if (first === "the list") await rowOf(page, "Heard later").waitFor({ state: "attached" });
    else await page.getByRole("dialog", { name: "Heard soon" }).waitFor();
    await late.release();
    await page.getByRole("dialog", { name: "Heard soon" }).waitFor();
    await rowOf(page, "Heard later").waitFor({ state: "attached" });
    await page.waitForFunction(() => globalThis.heard.some((text) => text.startsWith("API key")));
    const [said, ...more] = await heard(page);
    assert.match(said, /^API key Heard soon, Active, expires on \d+ \w+ \d+, in 15 days$/);
    assert.deepEqual(more, [], first);
    await waitForFocus(page.getByRole("heading", { name: "Heard soon" }));
  }
}));

test("a dead link’s message is not overwritten by the list’s", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Heard soon").waitFor();
  await listen(page);
  const list = await hold(page, "GET", "**/v1/tokens?*");
  await page.goto("about:blank");
  await page.goto(`/#/tokens/${tokens.alice.id}`);
  const message = page.getByRole("dialog").getByRole("status").getByText("There is no such API key");
  await message.waitFor({ state: "attached" });
  await list.asked;
  await list.release();
  await rowOf(page, "Heard soon").waitFor({ state: "attached" });
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 200); })); // longer than an announcement waits
  assert.equal(await message.count(), 1);
  const texts = await heard(page);
  assert.deepEqual(texts.filter((text) => /shown/.test(text)), []);
  assert.match(texts.join(" "), /You are signed in as bob@acme\.example/);
}));

test("a filter that fails behind an open key says nothing into it", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Heard soon").waitFor();
  await listen(page);
  await page.route("**/v1/tokens?*", (route) => route.fulfill({ status: 503, json: { title: "Busy", status: 503, detail: "The list is busy.", code: "unavailable" } }));
  await page.goto("about:blank");
  await page.goto(`/#/tokens/${tokens.soon.id}`);
  await page.locator("#list-error").getByText("The list is busy.").waitFor({ state: "attached" });
  await page.waitForFunction(() => globalThis.heard.some((text) => text.startsWith("API key")));
  assert.deepEqual((await heard(page)).filter((text) => text.includes("busy")), []);
}));
