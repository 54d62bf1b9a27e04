// Has schemathesis send requests that it makes from openapi.yaml, as each kind of caller:
// valid ones, which may not be refused, and invalid ones, which must be. Every answer has to
// be one that the document describes, and none a 5xx.
//
//   node internal/e2e/contract/run.mjs <schemathesis>    with the system's address in CONSOLE_URL

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [program] = process.argv.slice(2);
const url = process.env.CONSOLE_URL;
const here = import.meta.dirname;

const jwt = async (user) => (await fetch(`${url}/_local/jwt?user=${user}`)).text();

async function apiToken() {
  const response = await fetch(`${url}/v1/tokens`, {
    method: "POST",
    headers: { "Authorization": `Bearer ${await jwt("dave")}`, "Content-Type": "application/json" },
    body: JSON.stringify({ name: "Contract", expires_in_days: 1, self_rotation: true }),
  });
  return (await response.json()).secret;
}

// `served` are the tags of operations that must answer a valid request with a 2xx at least
// once: a run that never comes as far proves little. What else each caller may be answered
// is in hooks.py.
const callers = [
  { role: "organization admin", credential: () => jwt("alice"), served: ["tokens"], examples: 50 },
  { role: "API Token Manager", credential: () => jwt("bob"), served: ["tokens"], examples: 50 },
  { role: "no role", credential: () => jwt("carol"), served: [], examples: 20 },
  { role: "unsigned", credential: async () => undefined, served: [], examples: 20 },
  { role: "API token", credential: apiToken, served: ["use"], examples: 20 },
];

const scratch = await mkdtemp(join(tmpdir(), "contract-"));
try {
  for (const caller of callers) await check(caller);
} finally {
  await rm(scratch, { recursive: true });
}

async function check(caller) {
  const started = Date.now();
  const { code, said, seen } = await run(caller);
  const generated = said.match(/\d+ generated/)?.[0];
  const unserved = seen.filter(({ tag, statuses }) => caller.served.includes(tag) && !statuses.some((status) => status < 300));
  if (code === 0 && generated && seen.length > 0 && unserved.length === 0) {
    console.log(`contract: ${caller.role}: requests: ${generated}, in ${Math.round((Date.now() - started) / 1000)} s`);
    return;
  }
  process.exitCode = 1;
  console.error(said);
  for (const { operation, statuses } of unserved) {
    console.error(`contract: ${operation} served no valid request: they were answered ${statuses.join(", ")}`);
  }
  console.error(`contract: ${caller.role}: failed, as above`);
}

/** Resolves to how a caller's run ended, what it said, and which operations answered valid requests how. */
async function run({ role, credential, examples }) {
  const file = join(scratch, "seen.json");
  await rm(file, { force: true });
  const secret = await credential();
  const child = spawn(program, [
    "--no-color", "--config-file", join(here, "schemathesis.toml"), "run", join(here, "../../api/openapi.yaml"),
    "--url", url, "--max-examples", examples, ...(secret ? ["--header", `Authorization: Bearer ${secret}`] : []),
  ], {
    env: {
      ...process.env, ROLE: role, SEEN: file, JWT: await jwt("dave"), SCHEMATHESIS_HOOKS: join(here, "hooks.py"),
      HYPOTHESIS_STORAGE_DIRECTORY: scratch, PYTHONDONTWRITEBYTECODE: "1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (data) => { said += data; });
  const [code] = await once(child, "close");
  const seen = await readFile(file, "utf8").catch(() => "[]"); // it ended before it began
  return { code, said, seen: JSON.parse(seen) };
}
