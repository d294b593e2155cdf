// Aim: a master that is stopped past its lease inside a batch, a definition or a restore does nothing more
// once a successor has begun, whenever it wakes up (S4, S7, S9). Method: processes with the real lease;
// SIGSTOP before the write and inside it; the successor ends the work; SIGCONT; then all is counted.
// `npm run kill-every-write` does each twenty times, the tests a slice.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, inject, test } from "vitest";
import { differences, readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../src/mongo/catalogue/digest.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { createSetting, type Setting, takeCopy } from "../database/setting.ts";
import { type Order, runAsMaster } from "../fixtures/master-work.ts";
import { openClient } from "../support/database.ts";

const runs = process.env["LOCKSTEP_KILL"] === "all" ? 20 : 2;

const writesOf: Readonly<Record<Order["kind"], readonly string[]>> = {
  batch: ["progress-batch"],
  definition: [
    ...["add-index", "add-collection", "set-validator", "rename-collection", "drop-index"],
    ...["drop-collection", "operation-begin", "operation-end"],
  ],
  restore: [
    ...["restore-fence", "restore-create", "restore-swap", "restore-sweep", "load-create"],
    ...["load-drop", "load-batch", "load-indexes", "load-view"],
  ],
};

async function fill({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  const documents = Array.from({ length: 2_500 }, (_, n) => ({ _id: n as never, n }));
  await database.collection("items").insertMany(documents);
  await database.collection("items").createIndex({ n: 1 }, { name: "by-n" });
  await database.collection("old").insertMany(documents.slice(0, 50));
  await database.collection("gone").insertOne({ n: 1 });
  await database.createCollection("seen", { viewOn: "items", pipeline: [] });
}

/** Changes every collection, so that each has to be restored. */
async function damage({ client, name }: Setting): Promise<void> {
  const database = client.db(name);
  await database.collection("items").updateMany({}, { $inc: { n: 1 } });
  await database.collection("old").drop();
  await database.collection("gone").insertOne({ n: 2 });
  await database.collection("new").insertOne({ n: 2 });
  await database.command({ collMod: "seen", viewOn: "items", pipeline: [{ $limit: 1 }] });
}

async function expectMigrated({ client, name }: Setting, what: string): Promise<void> {
  const database = client.db(name);
  for (const collection of ["items", "renamed"]) {
    expect(await database.collection(collection).distinct("touched"), what).toEqual([1]);
  }
  const { collections } = await readCatalogue(client, name);
  const names = collections.map((entry) => entry.name);
  expect(names, what).toEqual(["items", "made", "renamed", "seen"]);
  const indexes = await database.collection("items").indexes();
  expect(indexes.map((index) => index.name).toSorted(), what).toEqual(["_id_", "by-touched"]);
}

/** One run; answers with what the stale master said, or null where it had ended before. */
async function run(
  kind: Order["kind"],
  at: number,
  when: "before" | "inside",
): Promise<string | null> {
  const setting = await createSetting();
  const { client, name, folder } = setting;
  await fill(setting);
  const { directory, catalogue, digest } = await takeCopy(setting);
  if (kind === "restore") await damage(setting);
  const order: Order = { kind, databaseName: name, directory, catalogue, digest };
  const path = join(folder, "order.json");
  await writeFile(path, JSON.stringify({ ...order, writes: writesOf[kind], at, when }));
  const child = startProcess(
    process.execPath,
    [resolve("dist/test/fixtures/holder.js"), inject("mongoUrl"), path],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const pid = child.pid as number;
  let told = "";
  let stopped = false;
  const reached = new Promise<void>((resolved) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      if (stopped || !told.includes("here\n")) return;
      stopped = signalProcess(pid, "SIGSTOP");
      resolved();
    });
    child.once("exit", () => resolved());
  });
  try {
    await reached;
    const what = `${kind} ${when} ${at}`;
    const successor = await openClient({ appName: "successor" });
    const outcome = await runAsMaster({
      client: successor,
      agent: "successor",
      order,
      faultPoints: noFaults,
      leaseTtlMs: 10_000,
    });
    expect(outcome, what).toBe("done");
    const check = async () => {
      if (kind !== "restore") return expectMigrated(setting, what);
      expect(await digestDatabase(client, name), what).toEqual(digest);
      const live = await readCatalogue(client, name);
      expect(differences(catalogue, live, { ignoreUuid: true }), what).toEqual([]);
    };
    await check();
    signalProcess(pid, "SIGCONT");
    await exited(child);
    await check();
    return stopped ? (told.split("\n").at(-2) ?? "") : null;
  } finally {
    signalProcess(pid, "SIGCONT");
    signalProcess(pid, "SIGKILL");
  }
}

test.each(["batch", "definition", "restore"] as const)(
  "stopped in a %s",
  { timeout: 600_000 },
  async (kind) => {
    const outcomes: string[] = [];
    for (let index = 0; outcomes.length < runs; index += 1) {
      expect(index, "runs that were stopped in time").toBeLessThan(3 * runs);
      // Spread over all of its writes, then from the first one on again.
      const at = 1 + (Math.floor((index * 16) / runs) % 16);
      const outcome = await run(kind, at, index % 2 === 0 ? "before" : "inside");
      if (outcome !== null) outcomes.push(outcome);
    }
    const known = ["fenced", "lease-lost", "aborted", "restore-failed"];
    // Or what the server says of a late command for a collection that has been replaced.
    const late = "Collection UUID does not match";
    for (const outcome of outcomes) {
      if (!outcome.startsWith(late)) expect(known).toContain(outcome);
    }
  },
);
