// A secret that people put where it doesn't belong: the search, the address.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, inPage, issue, rowOf, signIn } from "./console.mjs";

after(close);

/** All that the page asks for or keeps, from now on. */
const record = (page) => {
  const found = [];
  page.on("request", (request) => found.push(request.url(), request.postData() ?? "", JSON.stringify(request.headers())));
  return async () => [...found, page.url(), ...await page.evaluate(() => [
    JSON.stringify({ ...sessionStorage }), JSON.stringify({ ...localStorage }), document.documentElement.outerHTML,
    ...[...document.querySelectorAll("input")].map((input) => input.value),
  ])].join("\n");
};

for (const [how, pasted] of Object.entries({
  "alone": (secret) => secret,
  "in a header": (secret) => `curl -H "Authorization: Bearer ${secret}" https://api.example/v1/whoami`,
  "cut off": (secret) => secret.slice(0, 60),
  "without its beginning": (secret) => secret.slice(30),
  "in capitals": (secret) => secret.toUpperCase(),
})) {
  test(`a secret pasted into the search ${how} is reduced to its id and gets nowhere`, () => inPage({}, async (page) => {
    const { token, secret } = await issue("bob", `Pasted ${how}`);
    const rest = secret.slice(secret.indexOf(token.id) + 27);
    await signIn(page, "bob");
    await rowOf(page, token.name).waitFor();
    const all = record(page);
    await page.evaluate((text) => navigator.clipboard.writeText(text), pasted(secret));
    await page.getByRole("searchbox").focus();
    await page.keyboard.press("Control+V");
    await page.getByText("That was an API token. Only its ID is left here").waitFor();
    const value = await page.getByRole("searchbox").inputValue();
    assert.equal(value.includes(token.id), how !== "without its beginning");
    const asked = page.waitForResponse((response) => response.url().includes("/v1/tokens?"));
    await page.getByLabel("Active").check();
    await asked;
    const everything = (await all()).toLowerCase();
    for (let i = 0; i + 12 <= Math.min(rest.length, 30); i += 6) {
      assert.ok(!everything.includes(rest.slice(i, i + 12).toLowerCase()), "a part of the secret got out");
    }
  }));
}

test("an id in the search stays as it is, and so does a long name", () => inPage({}, async (page) => {
  const { token } = await issue("bob", "Looked for by its id");
  await signIn(page, "bob");
  const search = page.getByRole("searchbox");
  for (const text of [token.id, token.hint, "A name of thirty-two letters and then some more 2026", "x".repeat(40)]) {
    await search.fill(text);
    assert.equal(await search.inputValue(), text);
    assert.equal(await page.locator("#search-note").textContent(), "");
  }
}));

for (const place of ["#/tokens/", "#"]) {
  test(`a secret in the address after ${place} is reduced to its id, and not asked for`, () => inPage({}, async (page) => {
    const { token, secret } = await issue("bob", `In the address after ${place}`);
    await signIn(page, "bob");
    await rowOf(page, token.name).waitFor();
    const all = record(page);
    await page.evaluate((hash) => { location.hash = hash; }, place + secret);
    if (place === "#/tokens/") await page.getByRole("dialog", { name: token.name }).waitFor();
    await page.waitForFunction((part) => !location.href.includes(part), secret.slice(-20));
    assert.ok(!(await all()).includes(secret.slice(-20)));
  }));
}

test("a secret in the address is not kept over the sign-in", () => inPage({}, async (page) => {
  const { token, secret } = await issue("bob", "In the address before signing in");
  await signIn(page, "bob", `#/tokens/${secret}`);
  const all = record(page);
  await page.getByRole("dialog", { name: token.name }).waitFor();
  assert.ok(!(await all()).includes(secret.slice(-20)));
}));
