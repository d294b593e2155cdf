// Aim: a master whose build is not the new version's never goes forward, whatever its steps are; the way
// back is anybody's. Method: the effects as the engine gets them, over a database side that only answers.
import { expect, test } from "vitest";
import { silentLog } from "../../src/log.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { register } from "../../src/upgrade/agents.ts";
import type { DatabaseSide } from "../../src/upgrade/database-side.ts";
import { fleetMachines } from "../../src/upgrade/fleet-machines.ts";
import { coordinatorId } from "../../src/upgrade/names.ts";
import { acceptWrite, initializeVersions } from "../../src/upgrade/versions.ts";
import type { World } from "../../src/upgrade/world.ts";

const forward = ["chooseBackupTime", "rehearse", "migrate", "verifyCatalogue"];
const back = ["restore", "liftHolds"];
const done = { type: "as asked" };

const memory = () => createMemoryStore({ now: () => 1_000 });

function effectsOf(version: string, store: Store = memory()) {
  const answer = async () => done;
  const coordinatorEffects = () =>
    Object.fromEntries([...forward, ...back].map((name) => [name, answer]));
  const database = { coordinatorEffects, dumpCopy: () => answer } as unknown as DatabaseSide;
  return (
    fleetMachines({ agent: "a9", version, store } as World, database)["upgrade"]?.effects ?? {}
  );
}

const context = {
  ...{ id: "upgrade/u000002/5/0", actor: "upgrade/u000002", attempt: 1, epoch: 1 },
  ...{ signal: new AbortController().signal, log: silentLog },
};

test.each(forward)("%s: only by a build of the new version", async (name) => {
  const params = { upgrade: "u000002", to: "1.1.0" };
  expect(await effectsOf("1.1.0")[name]?.(params, context)).toEqual(done);
  expect(await effectsOf("1.0.0")[name]?.(params, context)).toMatchObject({
    type: "effectFailed",
    effect: name,
    reason: { code: "cannot-start", details: { version: "1.1.0" } },
  });
});

test.each(back)("%s: by any build", async (name) => {
  expect(await effectsOf("1.0.0")[name]?.({ upgrade: "u000002" }, context)).toEqual(done);
});

test("where somebody else could go forward, it is left to them", async () => {
  const store = memory();
  await initializeVersions(store, "1.0.0");
  await store.write([acceptWrite("1.0.0", "1.1.0", "u000002")]);
  await register(store, "a1", {
    ...{ role: "state-server", version: "1.1.0", startable: ["1.1.0"], incarnationAtLeast: 1 },
    ...{ freeBytes: 1, backups: [], host: "h", pid: 1 },
  });
  const known = { to: "1.1.0", ready: { a1: {} }, required: [{ agent: "a1" }], copies: {} };
  await store.append([
    {
      ...{ actor: coordinatorId("u000002"), revision: 0, machine: "upgrade", epoch: 1, at: 1 },
      ...{ owner: { kind: "role", role: "master" }, event: { type: "any" }, outcome: "applied" },
      snapshot: JSON.stringify({ context: { ...known, restoreOf: null } }),
      ...{ state: "backing-up", status: "active", timers: [], effects: [], protocol: 1 },
    },
  ]);
  const asked = effectsOf("1.0.0", store)["migrate"]?.({ to: "1.1.0" }, context);
  await expect(asked).rejects.toMatchObject({ code: "lease-lost" });
});
