// Retakes the README's pictures of the notices that mail-preview wrote to a folder, into
// internal/reminder/docs: "make screenshots".

import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const mails = pathToFileURL(resolve(process.argv[2]) + "/");
const pictures = new URL("../../../reminder/docs/", import.meta.url);
await mkdir(pictures, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });

for (const [picture, mail, width, colorScheme] of [
  ["expiring", "7-days", 680, "light"],
  ["expiring-dark", "7-days", 680, "dark"],
  ["expired-320", "expired", 320, "light"],
  ["several-320-dark", "expired-and-expiring", 320, "dark"],
]) {
  const page = await browser.newPage({ viewport: { width, height: 400 }, colorScheme });
  await page.goto(new URL(`${mail}.html`, mails).href);
  await page.screenshot({ path: fileURLToPath(new URL(`${picture}.png`, pictures)), fullPage: true });
  const hidden = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  if (hidden) throw new Error(`${mail} is wider than ${width} pixels`);
  await page.close();
}
await browser.close();
