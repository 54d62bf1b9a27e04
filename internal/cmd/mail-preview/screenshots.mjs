// Takes the pictures of the notices, into internal/reminder/docs:
//   go run ./internal/cmd/mail-preview -out .build/mail-preview
//   node internal/cmd/mail-preview/screenshots.mjs .build/mail-preview

import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const mails = pathToFileURL(resolve(process.argv[2]) + "/");
const pictures = new URL("../../reminder/docs/", import.meta.url);
await mkdir(pictures, { recursive: true });
const findChromium = new URL("../../e2e/console/chromium", import.meta.url).pathname;
const browser = await chromium.launch({ executablePath: execFileSync(findChromium, { encoding: "utf8" }).trim(), args: ["--no-sandbox"] });

for (const [picture, mail, width, colorScheme] of [
  ["expiring", "7-days", 680, "light"],
  ["expiring-dark", "7-days", 680, "dark"],
  ["expired-320", "expired", 320, "light"],
  ["several-320-dark", "expired-and-expiring", 320, "dark"],
  ["admins", "admins", 680, "light"],
]) {
  const page = await browser.newPage({ viewport: { width, height: 400 }, colorScheme });
  await page.goto(new URL(`${mail}.html`, mails).href);
  await page.screenshot({ path: new URL(`${picture}.png`, pictures).pathname, fullPage: true });
  const hidden = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  if (hidden) throw new Error(`${mail} is wider than ${width} pixels`);
  await page.close();
}
await browser.close();
