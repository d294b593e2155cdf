// Aim: an application can be bundled, with Lockstep and the driver in it: raw documents are sent by a part of the driver that
// is not public, and a second copy of that part made every upgrade go back. Method: a bundle of an agent that sends raw
// documents runs in a folder without packages, or with the driver beside it.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "vite";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";

const product = (name: string) => JSON.stringify(resolve("dist/src", name));
const program = (url: string) => `
import { BSON, MongoClient } from "mongodb";
import { createAgent } from ${product("index.js")};
import { rawSequence } from ${product("mongo/bson/raw-sequence.js")};

async function main() {
  const common = { agent: "a1", version: "1.0.0", steps: [], dataDirectory: "a1", initialize: true };
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const agent = createAgent({ ...common, mongoUrl: ${JSON.stringify(url)}, log });
  await agent.start();
  await agent.stop();
  const client = new MongoClient(${JSON.stringify(url)});
  const documents = rawSequence("documents", BSON.serialize({ _id: 7 }));
  const { n } = await client.db().command({ insert: "sent", documents });
  await client.close();
  return "sent " + n;
}
main().then(console.log, ({ code, message }) => console.log(code + ": " + message));
`;

/** Bundles the program, and runs it. Returns what it prints. */
async function ranAs(format: "es" | "cjs", external: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-bundled-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // The packages are resolved from the repository, and the bundle runs elsewhere.
  const entry = resolve(`dist/bundled-${format}-${external.length}.js`);
  await writeFile(entry, program(urlOf(freshDatabaseName())));
  onTestFinished(() => rm(entry, { force: true }));
  const output = { format, entryFileNames: `main.${format === "es" ? "mjs" : "cjs"}` } as const;
  await build({
    ...{ configFile: false, logLevel: "error", ssr: { noExternal: true } },
    build: { ssr: entry, outDir: folder, emptyOutDir: false, rollupOptions: { output, external } },
  });
  await mkdir(join(folder, "node_modules"));
  for (const name of external) {
    await symlink(resolve("node_modules", name), join(folder, "node_modules", name));
  }
  const options = { timeoutMs: 60_000, cwd: folder };
  const ran = await runCommand(process.execPath, [output.entryFileNames], options);
  return `${ran?.stdout}${ran?.stderr}`.trim();
}

test.each(["es", "cjs"] as const)("a bundle of the format %s", async (format) => {
  expect(await ranAs(format, [])).toBe("sent 1");
});

test("a bundle with one half of the driver in it is refused", async () => {
  expect(await ranAs("es", ["mongodb"])).toMatch(
    /^driver-not-supported: expected one copy of the package "mongodb", found two in this program: /,
  );
});
