// Aim: an engine of this build goes on with the actors that an earlier release has left in the middle of their lives.
// Method: the documents that `golden/main.ts` wrote with that release, on a real replica set. Deadlines passed long ago.
import { readFile } from "node:fs/promises";
import { BSON, type Document } from "mongodb";
import { expect, onTestFinished, test } from "vitest";
import { createEngine } from "../../../src/engine/create-engine.ts";
import { silentLog } from "../../../src/log.ts";
import { freshDatabaseName, openClient } from "../../support/database.ts";
import { golden } from "../golden/charts.ts";

test.each(["0.1.0"])("the journal of release %s loads, and its actors finish", async (release) => {
  const { order, family } = golden;
  const client = await openClient();
  const database = freshDatabaseName();
  const file = new URL(`../golden/${release}.json`, import.meta.url);
  const documents = BSON.EJSON.parse(await readFile(file, "utf8"), { relaxed: false });
  for (const [name, all] of Object.entries(documents as Record<string, Document[]>)) {
    if (all.length > 0) await client.db(database).collection(name).insertMany(all);
  }
  const engine = await createEngine({
    client,
    database,
    machines: [order, family],
    log: silentLog,
  });
  onTestFinished(() => engine.close());
  const ended = { timeoutMs: 60_000 };

  const charged = await engine.waitFor(order, "charging", ({ value }) => value === "paid", ended);
  const { cents, placed, receipt = "" } = charged.context;
  expect({ cents, placed }).toEqual({ cents: 500, placed: new Date(86_400_000) });
  // The first attempt had failed, and the process of the second one died.
  expect(receipt).toMatch(/^500 at attempt [3-9]$/);
  for (const id of ["waiting", "keyed"]) {
    await engine.waitFor(order, id, ({ value }) => value === "expired", ended);
  }
  expect((await engine.get(order, "stopped")).status).toBe("stopped");
  const lives = (await engine.history("waiting")).map(({ event, outcome }) => [
    event.type,
    outcome,
  ]);
  expect(lives).toEqual([
    ["lockstep.created", "applied"],
    ["SPOIL", "rejected"],
    ["xstate.after.20000.order.open", "applied"],
  ]);
  const again = await engine.send(order, "keyed", { type: "NOTE" }, { key: "once" });
  expect(again.outcome).toBe("duplicate");

  const back = await engine.waitFor(family, "family", (snapshot) => snapshot.hasTag("far"), ended);
  expect(back.value).toEqual({ busy: { left: "two", right: "one" } });
  expect(back.context).toEqual({
    seen: new Map([["a", 2n ** 70n]]),
    tags: new Set(["x", "y"]),
    nothing: undefined,
    by: ["invoked", "spawned"],
  });
  await engine.send(family, "young", { type: "GO" });
  const grown = await engine.get(family, "young");
  expect(grown.context.by).toEqual(["invoked", "spawned"]);
});
