import { writeFile } from "node:fs/promises";
import { BSON, type MongoClient } from "mongodb";
import { withMaterial } from "../../../bench/material.ts";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import { silentLog } from "../../../src/log.ts";
import { golden } from "./charts.ts";

/** Writes the documents of actors in the middle of their lives to a file: `node dist/test/engine/golden/main.js FILE`. */
async function record(client: MongoClient): Promise<object> {
  const database = "golden";
  let attempts = 0;
  let begun: () => void = () => {};
  const secondAttempt = new Promise<void>((resolve) => {
    begun = resolve;
  });
  // The first attempt fails, and the second one never ends: its process dies.
  const dying = durable(golden.order.machine, {
    name: "order",
    version: "1.0.0",
    tasks: {
      charge: {
        run: async () => {
          attempts += 1;
          if (attempts === 1) throw new Error("the bank is away");
          begun();
          return new Promise<string>(() => {});
        },
        retry: { attempts: 3, backoff: "1s..1m" },
      },
    },
    actions: { mail: async () => {} },
  });
  const { family } = golden;
  const engine = await createEngine({
    ...{ client, database, machines: [dying, family], log: silentLog },
  });
  for (const id of ["waiting", "charging", "stopped", "keyed"]) {
    await engine.start(dying, { id, input: { cents: 500 } });
  }
  await engine.send(dying, "charging", { type: "PAY" });
  await engine.send(dying, "waiting", { type: "SPOIL" });
  await engine.send(dying, "keyed", { type: "NOTE" }, { key: "once" });
  await engine.stop("stopped");
  await engine.start(family, { id: "family" });
  await engine.send(family, "family", { type: "GO" });
  await engine.send(family, "family", { type: "MOVE" });
  await engine.send(family, "family", { type: "REST" });
  await engine.start(family, { id: "young" });
  await secondAttempt;
  // The marks first: they say that the rows have what came before them.
  const names = ["partitions", "workers", "fences", "attempts", "journal", "actors"];
  const kept: Record<string, unknown> = {};
  for (const name of names) {
    const collection = `lockstep_${name}`;
    kept[collection] = await client.db(database).collection(collection).find().toArray();
  }
  return kept;
}

const [file = "golden.json"] = process.argv.slice(2);
await withMaterial(async ({ client }) => {
  const documents = await record(client);
  await writeFile(file, `${BSON.EJSON.stringify(documents, { relaxed: false })}\n`);
});
process.exit(0);
