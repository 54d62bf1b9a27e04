// Runs a command against a fresh local system, on any free port: what `make run` starts.
// The command finds its address in CONSOLE_URL.
//
//   node internal/e2e/console/with-system.mjs <latchkey-local> <command> [argument …]

import { spawn } from "node:child_process";
import { once } from "node:events";

const READY_MS = 120_000; // it starts a Java server and makes a table

const [program, command, ...args] = process.argv.slice(2);

// The tests of all files together make more keys for a person than the default allows.
const system = spawn(program, ["-port", "0", "-set", "MAX_ACTIVE_TOKENS=200"], { stdio: ["ignore", "pipe", "pipe"] });
let said = ""; // kept for when it doesn't start
for (const stream of [system.stdout, system.stderr]) stream.on("data", (data) => { said = (said + data).slice(-50_000); });

let code = 1;
try {
  const run = spawn(command, args, { env: { ...process.env, CONSOLE_URL: await address() }, stdio: "inherit" });
  [code] = await once(run, "exit");
} catch (error) {
  console.error(`${error.message}\n${said}`);
} finally {
  if (system.exitCode === null) {
    system.kill("SIGINT"); // as Ctrl-C: it ends its own children
    await once(system, "exit");
  }
}
process.exitCode = code ?? 1;

/** The address that the system prints once it serves, without the slash at the end. */
async function address() {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${program} was not ready after ${READY_MS / 1000} seconds.`)), READY_MS);
    system.stdout.on("data", () => {
      const [, url] = said.match(/Console\s+(http:\S+)\/\s/) ?? [];
      if (url) {
        clearTimeout(late);
        resolve(url);
      }
    });
    system.on("error", reject);
    system.on("exit", (status) => {
      clearTimeout(late);
      reject(new Error(`${program} ended with ${status} before it was ready.`));
    });
  });
}
