// What goes over the wire: headers, hosts, addresses, size, and the library in it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { base, close, generate, inPage, rowOf, shownSecret, signIn } from "./console.mjs";

after(close);

const LIMIT = 150 * 1024; // bytes compressed, everything together

test("all of the page is at most 150 KB compressed", (t) => inPage({}, async (page, context) => {
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
  assert.ok(sizes["/assets/oidc-client-ts.min.js"] < 30_000, "files come compressed");
  assert.ok(total <= LIMIT, `${total} bytes`);
}));

test("nothing comes from another host, and no token is in an address", () => inPage({}, async (page) => {
  const { issuer } = await (await fetch(`${base}/assets/config.json`)).json();
  const homes = [base, new URL(issuer).origin];
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
  for (const [path, cache] of [["/", "no-store"], ["/assets/main.js", "no-cache"], ["/assets/config.json", "no-store"], ["/assets/none.js", "no-store"]]) {
    const answer = await fetch(base + path);
    await answer.arrayBuffer();
    const policy = answer.headers.get("content-security-policy");
    for (const directive of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
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

test("the sign-in library is the one that its package holds", async () => {
  const served = await (await fetch(`${base}/assets/oidc-client-ts.min.js`)).text();
  const packaged = await readFile(new URL("../../../node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js", import.meta.url), "utf8");
  assert.ok(served === packaged, "copy it anew: make console-library");
  const licence = await (await fetch(`${base}/assets/oidc-client-ts.license.txt`)).text();
  const { version } = JSON.parse(await readFile(new URL("../../../node_modules/oidc-client-ts/package.json", import.meta.url)));
  assert.ok(licence.includes(`oidc-client-ts ${version}`), `the licence file doesn't say version ${version}`);
});
