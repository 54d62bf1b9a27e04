// What goes over the wire: headers, hosts, addresses, size, and the library in it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { base, chooseAtIssuer, close, generate, inPage, rowOf, settings, shownSecret, signIn } from "./console.mjs";

after(close);

const LIMIT = 64 * 1024; // bytes compressed, everything together, with what the API answers

/** The files that the document loads. */
const files = [...(await (await fetch(base)).text()).matchAll(/<(?:link|script)[^>]* (?:href|src)="([^"]+)"/g)].map(([, file]) => file);
const script = files.find((file) => file.endsWith(".js"));

/** The paths of ours that the browser asks for over the network, not its cache. */
async function watch(page, context) {
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const asked = [];
  const known = new Map();
  network.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.url.startsWith(`${base}/`)) known.set(requestId, new URL(request.url).pathname);
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (known.has(requestId) && encodedDataLength > 0) asked.push(known.get(requestId));
  });
  return asked;
}

test("a load asks for four files at most, and for the document and the list once they are known", () => inPage({}, async (page, context) => {
  const asked = await watch(page, context);
  await page.goto("/", { waitUntil: "networkidle" });
  assert.ok(asked.length >= 3 && asked.length <= 4, `first: ${asked}`);
  assert.deepEqual(asked.filter((path) => path !== "/" && !files.includes(path)), []);
  asked.length = 0;
  await page.getByRole("button", { name: "Sign in" }).click();
  await chooseAtIssuer(page, "bob");
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  await page.waitForLoadState("networkidle");
  assert.deepEqual(asked, ["/", "/v1/tokens"]);
  asked.length = 0;
  await page.reload({ waitUntil: "networkidle" });
  assert.deepEqual(asked, ["/", "/v1/tokens"]);
}));

for (const [what, fail] of Object.entries({
  "doesn’t load": (route) => route.abort(),
  "is refused": (route) => route.fulfill({ status: 503, body: "" }),
  "is cut off": async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).slice(0, 5000) });
  },
})) {
  test(`a script that ${what} shows “This page can’t start”, and is tried again`, () => inPage({}, async (page) => {
    await page.route(`**${script}`, fail, { times: 1 });
    await page.goto("/#/new");
    await page.getByRole("heading", { name: "This page can’t start" }).waitFor();
    assert.equal(await page.getByText("Loading…").isVisible(), false);
    assert.equal(await page.title(), `API keys – ${settings.company}`);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    assert.equal(new URL(page.url()).hash, "#/new", "the place is kept");
  }, { expectViolations: true }));
}

test("a script that never comes shows “This page can’t start”, and starts the page if it comes after all", () => inPage({}, async (page) => {
  let come;
  const coming = new Promise((resolve) => { come = resolve; });
  await page.clock.install();
  await page.route(`**${script}`, async (route) => { await coming; await route.continue(); });
  await page.goto("/", { waitUntil: "commit" });
  await page.getByText("Loading…").waitFor();
  await page.clock.fastForward(31_000);
  await page.getByRole("heading", { name: "This page can’t start" }).waitFor();
  come();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  assert.equal(await page.getByRole("heading", { name: "This page can’t start" }).isVisible(), false);
}));

for (const [how, broken] of Object.entries({ "broken": "{", "empty": "", "not settings": "null" })) {
  test(`settings that are ${how} leave the title and say that the page can’t start`, () => inPage({}, async (page) => {
    await page.route(`${base}/`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace(/(id="settings">)[^<]*/, `$1${broken}`) });
    });
    await page.goto("/");
    await page.getByRole("heading", { name: "This page can’t start" }).waitFor();
    assert.equal(await page.title(), `API keys – ${settings.company}`);
  }));
}

test("without its style the page can still be used", () => inPage({}, async (page) => {
  await page.route("**/assets/*.css", (route) => route.abort());
  await signIn(page, "bob");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByRole("dialog", { name: "Add new API key" }).waitFor();
}));

test("HEAD is answered as GET is, without the content", async () => {
  for (const path of ["/", ...files, "/v1/openapi.yaml"]) {
    const [head, get] = await Promise.all(["HEAD", "GET"].map((method) => fetch(base + path, { method })));
    assert.equal(head.status, 200, path);
    for (const name of ["content-type", "cache-control", "etag", "content-security-policy"]) assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${path}`);
    assert.equal(await head.text(), "");
    await get.arrayBuffer();
  }
});

test("all of the page is at most 64 KB compressed", (t) => inPage({}, async (page, context) => {
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const ours = new Map();
  const sizes = {};
  network.on("Network.responseReceived", ({ requestId, response }) => {
    if (response.url.startsWith(base)) ours.set(requestId, new URL(response.url).pathname);
  });
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (ours.has(requestId)) sizes[ours.get(requestId)] = (sizes[ours.get(requestId)] ?? 0) + encodedDataLength;
  });
  await signIn(page, "bob");
  await generate(page, "Weighed");
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await rowOf(page, "Weighed").waitFor();
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  t.diagnostic(`${total} bytes in ${Object.keys(sizes).length} files: ${JSON.stringify(sizes)}`);
  assert.ok(sizes[script] < 40_000, "files come compressed");
  assert.ok(total <= LIMIT, `${total} bytes`);
}));

test("nothing comes from another host, and no token is in an address", () => inPage({}, async (page) => {
  const homes = [base, new URL(settings.issuer).origin];
  const addresses = [];
  page.on("request", (request) => addresses.push(request.url()));
  page.on("framenavigated", (frame) => addresses.push(frame.url()));
  await signIn(page, "bob");
  await generate(page, "Address");
  const secret = await shownSecret(page);
  const idToken = await page.evaluate(() => JSON.parse(Object.entries(sessionStorage).find(([key]) => key.startsWith("oidc.user"))[1]).id_token);
  page.on("dialog", (dialog) => dialog.accept());
  await page.reload();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  for (const address of addresses.filter((one) => one.startsWith("http"))) {
    assert.ok(homes.includes(new URL(address).origin), `${new URL(address).origin} is another host`);
    for (const kept of [secret, idToken]) assert.ok(!address.includes(kept), `a token is in an address of ${new URL(address).pathname}`);
  }
  const authorization = addresses.find((address) => address.includes("code_challenge"));
  assert.equal(new URL(authorization).searchParams.get("code_challenge_method"), "S256");
}));

test("headers arrive through the gateway", async () => {
  for (const [path, cache] of [
    ["/", "no-store"], ...files.map((file) => [file, "public, max-age=31536000, immutable"]), ["/assets/none.js", "no-store"],
  ]) {
    const answer = await fetch(base + path);
    await answer.arrayBuffer();
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy, /; script-src 'self' 'sha256-[\w+/]{43}='; /);
    for (const directive of ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.split("; ").includes(directive), `${path}: ${policy} lacks ${directive}`);
    }
    assert.ok(!policy.includes("unsafe"), policy);
    assert.equal(answer.headers.get("cache-control"), cache, path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(answer.headers.get("referrer-policy"), "no-referrer", path);
    assert.equal(answer.headers.get("cross-origin-opener-policy"), "same-origin", path);
    assert.equal(answer.headers.get("strict-transport-security"), "max-age=31536000", path);
  }
});

test("a script that gets into the page doesn't run", () => inPage({}, async (page) => {
  await page.goto("/");
  const outcome = await page.evaluate(async () => {
    const blocked = new Promise((resolve) => { addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective)); });
    const element = document.createElement("div");
    try {
      element.innerHTML = "<img src=x onerror='globalThis.ran = true'>";
    } catch (error) {
      return [error.name, await blocked, globalThis.ran];
    }
    return ["no error", await blocked, globalThis.ran];
  });
  assert.deepEqual(outcome, ["TypeError", "require-trusted-types-for", undefined]);
}, { expectViolations: true }));

test("the licences are those of the library's version in the page", async () => {
  const licence = await (await fetch(`${base}/assets/oidc-client-ts.license.txt`)).text();
  for (const name of ["oidc-client-ts", "jwt-decode"]) {
    const { version } = JSON.parse(await readFile(new URL(`../../../node_modules/${name}/package.json`, import.meta.url)));
    assert.ok(licence.includes(`${name} ${version}`), `the licence file doesn't say version ${version} of ${name}`);
  }
});
