// The page in a new AWS account, which runs ten functions at once: over that API Gateway
// answers 503.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, inPage } from "./console.mjs";

after(close);

const OPENINGS = 20;

test("the page opens each time where ten functions run at once", async () => {
  assert.equal(process.env.CONCURRENCY, "10", "run this by `make e2e-console`, which sets the quota of the local run");
  for (let opening = 1; opening <= OPENINGS; opening++) {
    await inPage({}, async (page) => { // with nothing in its cache
      const refused = [];
      page.on("response", (response) => { if (response.status() >= 500) refused.push(`${response.status()} ${response.url()}`); });
      await page.goto("/");
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      assert.deepEqual(refused, [], `opening ${opening} of ${OPENINGS}`);
    });
  }
});
