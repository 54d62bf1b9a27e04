// The page in a new AWS account, which runs ten functions at once: over that API Gateway
// answers 503.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, inPage, issue, rowOf, signIn } from "./console.mjs";

after(close);

const OPENINGS = 20;

for (const [who, open, ready] of [
  ["nobody", (page) => page.goto("/"), (page) => page.getByRole("button", { name: "Sign in" }).waitFor()],
  ["somebody who signs in", (page) => signIn(page, "bob"), (page) => rowOf(page, "In a new account").first().waitFor()],
]) {
  test(`the page opens each time for ${who} where ten functions run at once`, async () => {
    assert.equal(process.env.CONCURRENCY, "10", "run this by `make e2e-console`, which sets the quota of the local run");
    await issue("bob", "In a new account");
    for (let opening = 1; opening <= OPENINGS; opening++) {
      await inPage({}, async (page) => { // with nothing in its cache
        const refused = [];
        page.on("response", (response) => { if (response.status() >= 500) refused.push(`${response.status()} ${response.url()}`); });
        await open(page);
        await ready(page);
        assert.deepEqual(refused, [], `opening ${opening} of ${OPENINGS}`);
      });
    }
  });
}
