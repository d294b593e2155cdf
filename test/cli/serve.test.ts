// Aim: `lockstep serve` serves the page of a real fleet, writes nothing to its database, and ends in good order.
// Method: the compiled program as a process, on the shared set; the oplog tells who has written.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readEvents } from "../../src/dashboard/page/state/read-events.ts";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");

/** A declared fleet without agents, and the way to serve it. */
async function stage() {
  const client = await openClient();
  const name = freshDatabaseName();
  onTestFinished(async () => {
    await client.db(name).dropDatabase();
    await client.db(`lockstep_${name}`).dropDatabase();
  });
  const url = ["--mongo-url", urlOf(name)];
  await runCommand(process.execPath, [main, "init", "1.0.0", "--new-database", ...url], {
    timeoutMs: 60_000,
  });
  return {
    async serve(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
      const given = [main, "serve", "--port", "0", "--json", ...url, ...words];
      const child = startProcess(process.execPath, given, {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...environment },
      });
      onTestFinished(() => void (child.exitCode ?? child.kill("SIGKILL")));
      let text = "";
      child.stdout?.on("data", (chunk) => {
        text += chunk;
      });
      child.stderr?.on("data", (chunk) => {
        text += chunk;
      });
      const line = await until("the address", () => text.includes("\n") && text.split("\n")[0]);
      const answer = JSON.parse(line) as { url: string; mayAct: boolean; code?: string };
      return { child, line: answer, said: () => text };
    },
    /** The number of writes to the fleet's databases so far. */
    writes: () =>
      client
        .db("local")
        .collection("oplog.rs")
        .countDocuments({ ns: new RegExp(`^(lockstep_)?${name}\\.`) }),
  };
}

/** The first frame of the stream. */
async function firstFrame(url: string): Promise<{ readonly parts: Record<string, unknown> }> {
  const response = await fetch(`${url}api/stream`);
  for await (const { event, data } of readEvents(response.body as never)) {
    const frame = event === "frame" ? JSON.parse(data) : null;
    if (frame?.parts.versions) return frame;
  }
  throw new Error("the stream ended");
}

test("serves the fleet, writes nothing, and ends with 0 at Ctrl-C", async () => {
  const { serve, writes } = await stage();
  const before = await writes();
  const { child, line, said } = await serve([]);
  expect(line).toMatchObject({ type: "serving", mayAct: false });
  expect(await (await fetch(line.url)).text()).toContain("<title>Lockstep</title>");
  const { parts } = await firstFrame(line.url);
  expect(parts).toMatchObject({ versions: { agentVersion: "1.0.0", databaseVersion: "1.0.0" } });
  expect((await fetch(`${line.url}metrics`)).status).toBe(200);
  expect((await fetch(`${line.url}readyz`)).status).toBe(200);
  signalProcess(child.pid ?? 0, "SIGINT");
  expect(await exited(child)).toMatchObject({ code: 0 });
  await until("the words at the end", () => said().includes('"message":"the page ends"'));
  expect(await writes()).toBe(before);
});

test("takes its token from a file that only its user reads, or from the environment, and refuses a short one", async () => {
  const { serve } = await stage();
  const folder = await mkdtemp(join(tmpdir(), "lockstep-token-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "token");
  await writeFile(path, "0123456789abcdef\n", { mode: 0o600 });
  const headers = { authorization: "Bearer 0123456789abcdef" };
  const withFile = await serve(["--token-file", path]);
  expect(withFile.line.mayAct).toBe(true);
  const rights = await fetch(`${withFile.line.url}api/rights`, { headers });
  expect(await rights.json()).toMatchObject({ mayAct: true });
  const named = await serve([], { LOCKSTEP_DASHBOARD_TOKEN: "0123456789abcdef" });
  expect(named.line.mayAct).toBe(true);
  const short = await serve([], { LOCKSTEP_DASHBOARD_TOKEN: "short" });
  expect(short.line.code).toBe("bad-argument");
  expect((await exited(short.child)).code).toBe(2);
});
