// Takes the pictures of the README: the main states, into internal/console/docs.

import { mkdir } from "node:fs/promises";
import { api, close, generate, inPage, issue, rowOf, signIn, whoami } from "./console.mjs";

const folder = new URL("../../console/docs/", import.meta.url);
await mkdir(folder, { recursive: true });

const take = (page, name) => page.screenshot({ path: new URL(`${name}.png`, folder).pathname, animations: "disabled", caret: "hide" });

await issue("bob", "Partner feed", 60).then(({ token }) => api("bob", "POST", `/v1/tokens/${token.id}/revoke`, { reason: "contract ended" }));
const { secret } = await issue("bob", "Nightly export", 12);
await whoami(secret); // so that it has been used
const { token } = await issue("alice", "Billing dashboard", 30);
const { token: bobs } = await issue("bob", "CI pipeline", 180);
const { token: replaced, secret: old } = await issue("alice", "Order sync", 20);
await whoami(old);
const fresh = await api("alice", "POST", `/v1/tokens/${replaced.id}/rotate`, {}).then((answer) => answer.secret);
await whoami(fresh);

const wide = { viewport: { width: 1180, height: 640 } };
const narrow = { viewport: { width: 320, height: 680 }, deviceScaleFactor: 1.5 };

const list = async (page) => {
  await signIn(page, "alice");
  await page.getByLabel("Everyone’s").check();
  await rowOf(page, "CI pipeline").waitFor();
};

await inPage(wide, async (page) => {
  await list(page);
  await take(page, "list");
  await page.goto(`/#/tokens/${token.id}`);
  await page.getByRole("dialog", { name: "Billing dashboard" }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke API key" }).click();
  await take(page, "revoke");
  await page.keyboard.press("Escape");
  await page.goto(`/#/tokens/${token.id}/replace`);
  await page.getByRole("dialog", { name: "Replace API token" }).waitFor();
  await take(page, "replace");
  await page.keyboard.press("Escape");
  await page.goto(`/#/tokens/${replaced.id}`);
  await page.getByRole("heading", { name: "New API token in use" }).waitFor();
  await take(page, "replaced");
  await page.keyboard.press("Escape");
  await page.goto(`/#/tokens/${bobs.id}`);
  await page.getByRole("button", { name: "Has left…" }).click();
  await page.getByText("will stop working at once;").waitFor();
  await take(page, "leave");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Add new API key" }).click();
  await page.getByLabel("Key name*").fill("Nightly export");
  await take(page, "add");
});
await inPage({ ...wide, colorScheme: "dark" }, async (page) => {
  await list(page);
  await take(page, "list-dark");
});
await inPage(narrow, async (page) => {
  await list(page);
  await take(page, "list-320");
});
await inPage({ ...narrow, colorScheme: "dark" }, async (page) => {
  await signIn(page, "bob", "#/new");
  await page.getByRole("dialog").waitFor();
  await take(page, "add-320-dark");
});
await inPage(wide, async (page) => {
  page.on("dialog", (dialog) => dialog.accept());
  await signIn(page, "bob");
  await generate(page, "Reports service");
  await page.getByRole("button", { name: "Copy API token" }).click();
  await page.getByText("API token copied").waitFor();
  await take(page, "secret");
});
await inPage(wide, async (page) => {
  await signIn(page, "carol");
  await page.getByRole("heading", { name: "You can’t manage API keys yet" }).waitFor();
  await take(page, "no-role");
});
await close();
