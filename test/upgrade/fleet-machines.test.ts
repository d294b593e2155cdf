// Aim: a master whose build is not the new version's never goes forward, whatever its steps are; the way
// back is anybody's. Method: the effects as the engine gets them, over a database side that only answers.
import { expect, test } from "vitest";
import { silentLog } from "../../src/log.ts";
import type { DatabaseSide } from "../../src/upgrade/database-side.ts";
import { fleetMachines } from "../../src/upgrade/fleet-machines.ts";
import type { World } from "../../src/upgrade/world.ts";

const forward = ["chooseBackupTime", "rehearse", "migrate", "verifyCatalogue"];
const back = ["restore", "liftHolds"];
const done = { type: "as asked" };

function effectsOf(version: string) {
  const answer = async () => done;
  const coordinatorEffects = () =>
    Object.fromEntries([...forward, ...back].map((name) => [name, answer]));
  const database = { coordinatorEffects, dumpCopy: () => answer } as unknown as DatabaseSide;
  return fleetMachines({ version } as World, database)["upgrade"]?.effects ?? {};
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
