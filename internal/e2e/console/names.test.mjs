// Names and addresses in any script, and of any length, where they are drawn.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { checkNoSidewaysScroll, close, inPage, issue, rowOf, signIn } from "./console.mjs";

after(close);

const STACKED = `Za${"\u0301\u0316\u0308\u0323".repeat(20)}lgo`;
const ARABIC = "مفتاح التصدير";

test("a name is drawn within its cell, whatever marks it stacks", () => inPage({}, async (page) => {
  await issue("bob", "Below the marks");
  const { token } = await issue("bob", "To be marked");
  await issue("bob", "Above the marks");
  await signIn(page, "bob");
  await rowOf(page, token.name).waitFor();
  // The marks that the API lets through, it lets through; here are more than it may.
  await page.route("**/v1/tokens**", async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll('"To be marked"', JSON.stringify(STACKED));
    await route.fulfill({ response: answer, body });
  });
  await page.reload();
  const row = page.locator(`[data-id="${token.id}"]`);
  await row.waitFor();
  const clips = (place) => place.evaluate((element) => {
    const name = element.querySelector("bdi.named");
    const { overflow } = getComputedStyle(name);
    const box = name.getBoundingClientRect();
    const cell = (name.closest("th, h2, dd, p, div") ?? name.parentElement).getBoundingClientRect();
    const slack = 8; // what is left for scripts that are higher than the line
    return overflow === "clip" && box.top >= cell.top - slack && box.bottom <= cell.bottom + slack;
  });
  assert.ok(await clips(row));
  // Where the row's neighbours are, there is nothing of it.
  const above = await row.evaluate((element) => {
    element.scrollIntoView({ block: "center" });
    const { left, top } = element.previousElementSibling.getBoundingClientRect();
    return { x: left, y: top, width: 400, height: element.getBoundingClientRect().top - top };
  });
  const marked = await page.screenshot({ clip: above });
  await row.locator("bdi.named").evaluate((name) => { name.textContent = "Zalgo"; });
  assert.ok(marked.equals(await page.screenshot({ clip: above })), "the row above is as without the marks");
  await row.getByRole("link").click();
  assert.ok(await clips(page.locator("#key-title")));
  await page.getByRole("dialog").getByRole("button", { name: "Revoke API key" }).click();
  assert.ok(await clips(page.locator("#revoke-name").locator("xpath=..")));
}));

test("a name keeps its own direction, and what stands beside it its place", () => inPage({}, async (page) => {
  const { token } = await issue("bob", ARABIC);
  await signIn(page, "bob", `#/tokens/${token.id}`);
  const direction = (place) => place.evaluate((element) => [element.localName, getComputedStyle(element).direction, getComputedStyle(element).unicodeBidi]);
  assert.deepEqual(await direction(page.locator("#key-title bdi")), ["bdi", "rtl", "isolate"]);
  assert.deepEqual(await direction(rowOf(page, ARABIC).locator("bdi.named")), ["bdi", "rtl", "isolate"]);
  await page.keyboard.press("Escape");
  await page.getByRole("searchbox").fill(ARABIC);
  assert.equal((await direction(page.getByRole("searchbox")))[1], "rtl");
}));

test("an address breaks at its words, not at letters", () => inPage({ viewport: { width: 1024, height: 700 } }, async (page) => {
  const long = "maximilian.mustermann-beispiel@abteilung.gesellschaft.example";
  await page.route("**/v1/tokens?*", async (route) => {
    const answer = await route.fetch();
    const list = await answer.json();
    for (const token of list.tokens) token.owner.email = long;
    await route.fulfill({ response: answer, json: list });
  });
  await signIn(page, "alice");
  await page.getByLabel("Everyone’s").check();
  await page.getByRole("columnheader", { name: "Owner" }).waitFor();
  const { text, breaks } = await page.locator("td.owner .address").first().evaluate((address) => {
    const range = document.createRange();
    const places = []; // of each character: what it is, and how far down
    for (const node of [...address.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE)) {
      for (let i = 0; i < node.length; i++) {
        range.setStart(node, i);
        range.setEnd(node, i + 1);
        places.push([node.data[i], Math.round(range.getBoundingClientRect().top)]);
      }
    }
    return { text: address.textContent, breaks: places.flatMap(([next, top], i) => (i > 0 && top !== places[i - 1][1] ? [places[i - 1][0] + next] : [])) };
  });
  assert.equal(text, long, "what is copied is the address");
  assert.ok(breaks.length > 0, "it has no room in one line");
  for (const pair of breaks) assert.match(pair, /^-|[@.]$/, `it breaks between ${pair}`);
  await checkNoSidewaysScroll(page, "a long address");
}));
