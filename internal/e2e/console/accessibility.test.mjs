// axe finds nothing in any state, light and dark, wide and 320 px; and what axe can't
// see: reflow, zoom, forced colours, reduced motion.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  api, checkAccessibility, checkNoSidewaysScroll, chooseAtIssuer, close, endSession, generate, inPage, issue, rowOf, signIn,
} from "./console.mjs";

before(async () => {
  await issue("bob", "A key with quite a long name, as people like to give them", 180);
  await issue("bob", "Due", 3);
  const { token } = await issue("bob", "Revoked key");
  await api("bob", "POST", `/v1/tokens/${token.id}/revoke`, {});
});
after(close);

const wide = { width: 1280, height: 800 };
const looks = {
  "light": { viewport: wide, colorScheme: "light" },
  "dark": { viewport: wide, colorScheme: "dark" },
  "light, 320 px": { viewport: { width: 320, height: 640 }, colorScheme: "light" },
  "dark, 320 px": { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
  "768 px": { viewport: { width: 768, height: 1024 } },
  "853 px": { viewport: { width: 853, height: 1280 }, colorScheme: "dark" },
  // Zooming to 200 % halves the window, as the page sees it.
  "zoomed to 200 %": { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
  "forced colours": { viewport: wide, forcedColors: "active" },
};

for (const [look, options] of Object.entries(looks)) {
  test(`every state in ${look}`, () => inPage(options, async (page) => {
    const check = async (state) => {
      await checkAccessibility(page, `${state} in ${look}`);
      await checkNoSidewaysScroll(page, `${state} in ${look}`);
    };
    await page.goto("/");
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await check("signed out");
    await page.getByRole("button", { name: "Sign in" }).click();
    await chooseAtIssuer(page, "alice");
    await page.getByLabel("Everyone’s").check();
    await rowOf(page, "Revoked key").waitFor();
    await check("list");

    await rowOf(page, "Due").getByRole("link").click();
    const panel = page.getByRole("dialog", { name: "Due" });
    await panel.waitFor();
    await check("one key");
    await panel.getByRole("button", { name: "Revoke API key" }).click();
    await page.getByRole("alertdialog").waitFor();
    await check("question before revoking");
    await page.getByRole("button", { name: "Cancel" }).click();
    await panel.getByRole("button", { name: "Close" }).last().click();

    await page.getByRole("link", { name: "Add new API key" }).click();
    await page.getByRole("dialog").waitFor();
    await check("panel");
    await page.getByLabel("Custom period").check();
    await page.getByRole("button", { name: "Generate API key" }).click();
    await page.locator("#key-name-error").waitFor();
    await check("errors");
    await page.keyboard.press("Escape");
    await page.getByRole("alertdialog", { name: "Discard what you have typed?" }).waitFor();
    await check("question before discarding");
    await page.getByRole("button", { name: "Discard", exact: true }).click();

    await page.goto("/#/tokens/01ARZ3NDEKTSV4RRFFQ69G5FAV");
    await page.getByRole("button", { name: "Use another account" }).waitFor();
    await check("dead link");
    await page.getByRole("button", { name: "Close" }).last().click();

    await generate(page, `Shown in ${look}`);
    await check("secret");
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("alertdialog").waitFor();
    await check("warning before closing");
    await page.getByRole("button", { name: "Go back" }).click();
    await page.getByRole("button", { name: "Download .txt" }).click();
    await page.getByText("Download started").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("alertdialog", { name: "Has the download arrived?" }).waitFor();
    await check("question after a download");
    await page.getByRole("button", { name: "Close, I have the file" }).click();

    await page.getByLabel("Filter by name").fill("lk_01ARZ3NDEKTSV4RRFFQ69G5FAV_0");
    await page.getByText("That was an API token.").waitFor();
    await check("a secret in the search");
    await page.getByLabel("Filter by name").fill("no key is called so");
    await page.getByRole("heading", { name: "No API key matches" }).waitFor();
    await check("no match");
    await page.context().setOffline(true);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await check("failure");
    await page.context().setOffline(false);

    await endSession(page);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("alertdialog", { name: "Your session has ended" }).waitFor();
    await check("session ended");
  }));

  test(`people without keys or role in ${look}`, () => inPage(options, async (page) => {
    await signIn(page, "dave");
    for (const [user, heading] of [["carol", "No API keys yet"], ["erin", "You can’t manage API keys yet"], [null, "without a confirmed address"]]) {
      await (user ? page.getByRole("heading", { name: heading }) : page.getByText("Before you can add API keys")).waitFor();
      await checkAccessibility(page, `${heading} in ${look}`);
      await checkNoSidewaysScroll(page, `${heading} in ${look}`);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in" }).click();
      if (user) await chooseAtIssuer(page, user);
    }
  }));
}

for (const [look, options] of Object.entries(looks)) {
  test(`what can go wrong, in ${look}`, () => inPage(options, async (page) => {
    await page.route("**/assets/*.js", (route) => route.abort());
    await page.goto("/");
    await page.getByRole("heading", { name: "This page can’t start" }).waitFor();
    await checkAccessibility(page, `no script in ${look}`);
    await checkNoSidewaysScroll(page, `no script in ${look}`);
    await page.unroute("**/assets/*.js");
    await page.route("**/v1/tokens?*", async (route) => {
      const answer = await route.fetch();
      const { person, ...list } = await answer.json();
      await route.fulfill({ response: answer, json: { ...list, person: { ...person, email: `${"long".repeat(15)}@acme.example`, undeliverable: true } } });
    });
    await signIn(page, "bob");
    await page.getByRole("region", { name: "Notices can’t reach you" }).waitFor();
    await checkAccessibility(page, `unreachable in ${look}`);
    await checkNoSidewaysScroll(page, `unreachable in ${look}`);
    await page.route("**/v1/me/notices/resume", (route) => route.abort());
    await page.getByRole("button", { name: "Try again" }).first().click();
    await page.locator("#resume-error").getByText("The service can’t be reached.").waitFor();
    await checkAccessibility(page, `unreachable still in ${look}`);
    await checkNoSidewaysScroll(page, `unreachable still in ${look}`);
  }));
}

test("at 320 px the table reads as cards, and is a table still", () => inPage({ viewport: { width: 320, height: 640 } }, async (page) => {
  await signIn(page, "bob");
  const row = rowOf(page, "Due");
  await row.waitFor();
  const left = await row.getByRole("cell").evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().left));
  assert.equal(new Set(left).size, 1, "its cells stand below each other");
  assert.equal(await page.getByRole("table", { name: /API keys/ }).count(), 1);
  assert.equal(await page.getByRole("columnheader", { name: "Expires" }).count(), 1);
}));

for (const colorScheme of ["light", "dark"]) {
  test(`the chosen filter stands out by 3 to 1, ${colorScheme}`, () => inPage({ colorScheme }, async (page) => {
    await signIn(page, "bob");
    await rowOf(page, "Due").waitFor();
    const colours = await page.locator(".segments :checked + span").first().evaluate((chosen) =>
      [getComputedStyle(chosen).borderTopColor, getComputedStyle(chosen.closest(".segments")).backgroundColor]);
    const [edge, ground] = colours.map((colour) => luminance(colour.match(/\d+/g).map(Number)));
    assert.ok((Math.max(edge, ground) + 0.05) / (Math.min(edge, ground) + 0.05) >= 3, colours.join(" on "));
    assert.ok(await page.getByLabel("Revoked").evaluate((radio) => radio.getBoundingClientRect().height >= 24), "all of it can be pressed");
  }));
}

/** Relative luminance, as WCAG defines it. */
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

test("on a low window all of a panel scrolls", () => inPage({ viewport: { width: 320, height: 256 } }, async (page) => {
  const { token } = await issue("bob", "x".repeat(100));
  await signIn(page, "bob", `#/tokens/${token.id}`);
  const id = page.getByRole("dialog").getByText(token.id);
  await id.scrollIntoViewIfNeeded();
  const room = await page.locator("#key-body").evaluate((body) => body.scrollHeight - body.clientHeight);
  assert.equal(room, 0, "its facts aren't squeezed between head and foot");
  await checkNoSidewaysScroll(page, "a long name");
}));

test("forced colours leave the choices and the focus visible", () => inPage({ forcedColors: "active" }, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Due").waitFor();
  const colour = (label) => page.locator(".segments label", { hasText: label }).locator("span")
    .evaluate((element) => getComputedStyle(element).backgroundColor);
  assert.notEqual(await colour("All"), await colour("Expired"), "the chosen filter looks different");
  await page.getByLabel("Filter by name").focus();
  assert.notEqual(await page.getByLabel("Filter by name").evaluate((element) => getComputedStyle(element).outlineStyle), "none");
}));

test("motion is reduced where people ask for it", async () => {
  const duration = async (reducedMotion) => {
    let found;
    await inPage({ reducedMotion }, async (page) => {
      await signIn(page, "bob", "#/new");
      await page.getByRole("dialog").waitFor();
      found = await page.getByRole("dialog").evaluate((dialog) => getComputedStyle(dialog).animationDuration);
    });
    return found;
  };
  assert.notEqual(await duration("no-preference"), "0s");
  assert.equal(await duration("reduce"), "0s");
});

test("the skip link leads past the header, and stays where one is", () => inPage({}, async (page) => {
  await signIn(page, "bob");
  await rowOf(page, "Due").waitFor();
  await page.keyboard.press("Tab");
  await page.waitForFunction(() => document.activeElement.classList.contains("skip"));
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "main");
  assert.ok(await rowOf(page, "Due").isVisible());
}));
