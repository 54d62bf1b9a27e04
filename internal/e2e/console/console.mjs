// What the tests share: a browser, people who sign in, and the API beside the page.

import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

/** The running system, without a slash at the end. */
export const base = process.env.CONSOLE_URL;
if (!base || !process.env.CHROMIUM) throw new Error("Run this by `make e2e-console`: it sets CONSOLE_URL and CHROMIUM.");

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

/** Ends the browser; each test file does so when it is through. */
export const close = () => browser.close();

/**
 * Runs a test in a page of its own. The test fails, too, if a script failed or the
 * browser had to enforce the content security policy, unless that is what it expects.
 */
export async function inPage(options, run, { expectViolations = false } = {}) {
  const context = await browser.newContext({
    baseURL: base, locale: "en-GB", reducedMotion: "reduce", permissions: ["clipboard-read", "clipboard-write"], ...options,
  });
  const found = [];
  await context.exposeFunction("reportViolation", (violation) => found.push(violation));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      globalThis.reportViolation(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => found.push(`script: ${error.message}`));
  page.on("console", (message) => {
    // Answers such as 400 and 401 are logged by the browser and belong to the tests.
    const text = message.text();
    if (message.type() === "error" && !text.startsWith("Failed to load resource")) found.push(`console: ${text}`);
  });
  try {
    await run(page, context);
    if (!expectViolations) assert.deepEqual(found, []);
  } finally {
    await context.close();
  }
}

/**
 * Opens the page at a place and signs in as a person of the local run. It ends while the
 * browser is on its way back: wait for something of the page before routing its requests.
 */
export async function signIn(page, user, hash = "") {
  await page.goto(`/${hash}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await chooseAtIssuer(page, user);
}

/** Signs in at the local issuer's own page. press is how the button is pressed. */
export async function chooseAtIssuer(page, user, press = (button) => button.click()) {
  await press(page.getByRole("button", { name: new RegExp(`^${user}\\b`) }));
}

export const rowOf = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

/** Fills the panel and generates the key; the secret's panel is then open. */
export async function generate(page, name, period = "180 days — recommended") {
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("Key name*").fill(name);
  await page.getByLabel(period).check();
  await page.getByRole("button", { name: "Generate API key" }).click();
  await page.getByRole("heading", { name: "Save your API token" }).waitFor();
}

/** The secret, as the page shows it. */
export const shownSecret = (page) => page.getByRole("group", { name: "API token" }).textContent();

/** What the API takes from a signed-in person. */
export const jwt = async (user) => (await (await fetch(`${base}/_local/jwt?user=${user}`)).text()).trim();

/** Calls the API as a person, beside the page. */
export async function api(user, method, path, body) {
  const answer = await fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${await jwt(user)}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path} as ${user}: ${answer.status}`);
  return answer.json();
}

/** Makes a key beside the page; answers { token, secret }. */
export const issue = (user, name, days = 180) => api(user, "POST", "/v1/tokens", { name, expires_in_days: days });

/** The status that an API token gets. */
export async function whoami(secret) {
  const answer = await fetch(`${base}/v1/whoami`, { headers: { Authorization: `Bearer ${secret}` } });
  await answer.arrayBuffer();
  return answer.status;
}

/** The person's tokens, as the page keeps them. */
export const kept = (page) => page.evaluate(() => JSON.parse(Object.entries(sessionStorage).find(([key]) => key.startsWith("oidc.user"))[1]));

/** Lets the page's token run out: from now on the API is asked with one that it refuses. */
export async function expireToken(page) {
  const spent = `Bearer ${(await kept(page)).id_token}`;
  await page.route("**/v1/**", (route) => {
    const headers = route.request().headers();
    return headers.authorization === spent ? route.continue({ headers: { ...headers, authorization: "Bearer spent" } }) : route.fallback();
  });
}

/** The page's settings, as they stand in the document. */
export const settings = JSON.parse(/id="settings">([^<]*)</.exec(await (await fetch(base)).text())[1]);

/** Ends the session at the issuer, too: there is no new token. */
export async function endSession(page) {
  const { refresh_token: token } = await kept(page);
  const answer = await fetch(`${settings.issuer}/revoke`, { method: "POST", body: new URLSearchParams({ client_id: settings.client_id, token }) });
  assert.ok(answer.ok);
  await expireToken(page);
}

/**
 * Holds the page's next request of a kind: the API answers it, but the answer is on its
 * way until release(), which ends when the page has had it. asked ends when the request
 * is on its way.
 */
export async function hold(page, method, url) {
  let ask, letGo, end;
  const asked = new Promise((resolve) => { ask = resolve; });
  const released = new Promise((resolve) => { letGo = resolve; });
  const through = new Promise((resolve) => { end = resolve; });
  let held = false;
  await page.route(url, async (route) => {
    if (held || route.request().method() !== method) return route.fallback();
    held = true;
    const response = await route.fetch();
    ask();
    await released;
    await route.fulfill({ response });
    end();
  });
  return {
    asked,
    release: async () => {
      letGo();
      await through;
      await page.evaluate(async () => { await (await fetch("/")).text(); }); // later than the answer
    },
  };
}

/** Waits until an element has the focus. */
export const waitForFocus = async (locator) => {
  await locator.waitFor();
  await locator.page().waitForFunction((element) => element === document.activeElement, await locator.elementHandle());
};

/** Fails if axe finds anything, at the levels of WCAG 2.2 AA or as best practice. */
export async function checkAccessibility(page, state) {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n  ")}`);
  assert.deepEqual(found, [], state);
}

/** Fails if the page has to be scrolled sideways. */
export async function checkNoSidewaysScroll(page, state) {
  const excess = await page.evaluate(() => {
    const open = [...document.querySelectorAll("dialog[open], dialog[open] .panel-body")];
    return Math.max(...[document.documentElement, ...open].map((element) => element.scrollWidth - element.clientWidth));
  });
  assert.equal(excess, 0, `${state}: wider than the window by ${excess} px`);
}
