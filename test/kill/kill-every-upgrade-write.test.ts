// Aim: whoever dies with -9 before or after any durable write of an upgrade, or loses its answer, the
// upgrade ends by itself: done with each batch once, or rolled back with the data as it was. Method: a
// fleet of real processes on real mongods, whose writes through the seam are numbered; one run counts
// them, then one run for each and each way to interrupt it. `npm run kill-every-write` takes every write
// of an upgrade that succeeds and of one that fails after the migration; the tests a fixed slice.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type InterruptionOrder, numberFile, orderFile } from "../fixtures/interruption.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

const all = process.env["LOCKSTEP_KILL"] === "all";
const kinds = ["dies before", "dies after", "loses the answer of"] as const;
/** Versions that a fleet's launchers know: 1.29 is the last. */
const upgradesOfFleet = 29;

let fleet: TestFleet | undefined;
let [number, runs] = [0, 0];
afterAll(() => fleet?.stop());

/** One upgrade with one write interrupted; answers with the names of all its writes. */
async function upgrade(
  end: "done" | "rolled-back",
  { at, kind }: Omit<InterruptionOrder, "run">,
): Promise<readonly string[]> {
  if (number === upgradesOfFleet) {
    await fleet?.stop();
    [fleet, number] = [undefined, 0];
  }
  fleet ??= await startTestFleet();
  runs += 1;
  const order: InterruptionOrder = { run: runs, at, kind };
  const { client, holds } = fleet;
  const [from, before] = [`1.${number}.0`, await fleet.digest()];
  await writeFile(join(holds, orderFile), JSON.stringify(order));
  const { upgrade: id } = await fleet.fleet.upgrade(`1.${number + 1}.${end === "done" ? 0 : 1}`);
  const interrupted = () =>
    readFile(join(holds, numberFile(order.run, at)), "utf8").catch(() => "nothing");
  const state = await fleet.until(`an end after: ${kind} ${at}`, ({ upgrade: now }) =>
    now?.upgrade === id && now.final ? now.state : "",
  );
  const what = `${kind} ${at}: ${await interrupted()}`;
  // A local step whose disk fails has failed, though the write took effect.
  const mayTurnBack = kind === "loses the answer of" && /before-image|local-journal/.test(what);
  if (!(mayTurnBack && state === "rolled-back")) expect(state, what).toBe(end);
  const isDone = state === "done";
  await fleet.ended(id, state, isDone ? `1.${number + 1}.0` : from);
  if (isDone) {
    number += 1;
    expect(await fleet.touched(number), what).toEqual([1]);
    expect(await client.db().collection("items").indexExists(`by-touched${number}`)).toBe(true);
  } else expect(await fleet.digest(), what).toEqual(before);
  await rm(join(holds, orderFile));
  const files = (await readdir(holds)).filter((name) => name.startsWith(`write.${order.run}.`));
  return Promise.all(
    files.map((_, index) => readFile(join(holds, numberFile(order.run, index + 1)), "utf8")),
  );
}

test.each([
  ["done", [0.3, 0.55, 0.8]],
  ["rolled-back", [0.75]],
] as const)("interrupted on its way to %s", { timeout: 6 * 3_600_000 }, async (end, slice) => {
  const writes = await upgrade(end, { at: 0, kind: "dies before" });
  expect(writes.length).toBeGreaterThan(60);
  if (all) {
    for (let at = 1; at <= writes.length; at += 1) {
      for (const kind of kinds) await upgrade(end, { at, kind });
    }
  } else {
    for (const [index, part] of slice.entries()) {
      const kind = kinds[(index + 1) % kinds.length] ?? "dies before";
      await upgrade(end, { at: Math.round(part * writes.length), kind });
    }
  }
});
