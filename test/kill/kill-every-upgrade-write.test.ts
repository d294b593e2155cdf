// Aim: whoever dies with -9 before or after any durable write of an upgrade, or loses its answer, the
// upgrade ends by itself: done with each batch once, or rolled back with the data as it was. Method: a
// fleet of real processes on real mongods, whose writes through the seam are numbered; an upgrade for
// each number and each way to interrupt that write. `npm run kill-every-write` takes all of an upgrade
// that succeeds and of one that fails after the migration; the tests a fixed slice.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type InterruptionOrder, numberFile, orderFile } from "../fixtures/interruption.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

const all = process.env["LOCKSTEP_KILL"] === "all";
const kinds = ["dies before", "dies after", "loses the answer of"] as const;
const writesMax = 1_000;
/** Versions that a fleet's launchers know: 1.29 is the last. Its journals do not grow for ever, either. */
const upgradesOfFleet = 29;

const ends = ["done", "rolled-back"] as const;
type End = (typeof ends)[number];

/** Fleets that share the writes of one end: they mostly wait, so several fit side by side. A way back has more. */
const lanesOf = (end: End) => (end === "done" || !all ? 1 : 3);

/** The write to begin with, so that hours can be split: `LOCKSTEP_KILL_FROM=done:96,rolled-back:64`. */
const from = new Map(
  (process.env["LOCKSTEP_KILL_FROM"] ?? "").split(",").map((part) => {
    const [end = "", at = "1"] = part.split(":");
    return [end, Number(at)];
  }),
);

/** A fleet that goes through upgrades that end so, and interrupts every so many writes of them. */
interface Stage {
  readonly end: End;
  readonly lane: number;
  readonly lanes: number;
  fleet: TestFleet | undefined;
  /** Upgrades of this fleet, those of them that are done, and those of all its predecessors too. */
  ofFleet: number;
  done: number;
  runs: number;
}
const stages = ends.flatMap((end) =>
  Array.from({ length: lanesOf(end) }, (_, lane): Stage => {
    return { end, lane, lanes: lanesOf(end), fleet: undefined, done: 0, runs: 0, ofFleet: 0 };
  }),
);
afterAll(async () => {
  for (const { fleet } of stages) await fleet?.stop();
});

/** One upgrade with one write interrupted; answers with what was, or null where it has fewer writes. */
async function upgrade(
  stage: Stage,
  { at, kind }: Omit<InterruptionOrder, "run">,
): Promise<string | null> {
  const { end } = stage;
  if (stage.ofFleet === upgradesOfFleet) {
    await stage.fleet?.stop();
    [stage.fleet, stage.ofFleet, stage.done] = [undefined, 0, 0];
  }
  stage.fleet ??= await startTestFleet();
  const { fleet } = stage;
  stage.runs += 1;
  stage.ofFleet += 1;
  const order: InterruptionOrder = { run: stage.runs, at, kind };
  const { client, holds } = fleet;
  const [from, before] = [`1.${stage.done}.0`, await fleet.digest()];
  await writeFile(join(holds, orderFile), JSON.stringify(order));
  const to = `1.${stage.done + 1}.${end === "done" ? 0 : 1}`;
  const { upgrade: id } = await fleet.fleet.upgrade(to);
  const state = await fleet.until(`an end after: ${kind} ${at}`, ({ upgrade: now }) =>
    now?.upgrade === id && now.final ? now.state : "",
  );
  const isDone = state === "done";
  await fleet.ended(id, state, isDone ? to : from);
  await rm(join(holds, orderFile));
  const path = join(holds, numberFile(order.run, at));
  const interrupted = await readFile(path, "utf8").catch(() => null);
  const { upgrade: last } = await fleet.fleet.status();
  const what = `${kind} ${at}: ${interrupted}; ${JSON.stringify(last?.reason)}`;
  // A local step whose disk fails has failed, though the write took effect.
  const mayTurnBack = kind === "loses the answer of" && /before-image|local-journal/.test(what);
  if (!mayTurnBack || isDone) expect(state, what).toBe(end);
  if (isDone) {
    stage.done += 1;
    expect(await fleet.touched(stage.done), what).toEqual([1]);
    const index = `by-touched${stage.done}`;
    expect(await client.db().collection("items").indexExists(index)).toBe(true);
  } else expect(await fleet.digest(), what).toEqual(before);
  return interrupted;
}

/** Every write of an upgrade that is this lane's, each interrupted in every way. */
async function interruptAll(stage: Stage): Promise<void> {
  const first = (from.get(stage.end) ?? 1) + stage.lane;
  for (let at = first; at <= writesMax; at += stage.lanes) {
    for (const kind of kinds) {
      if ((await upgrade(stage, { at, kind })) !== null) continue;
      expect(at, "the writes of an upgrade").toBeGreaterThan(60);
      return;
    }
  }
  expect.fail(`an upgrade has more than ${writesMax} writes`);
}

const slice = {
  done: [
    { at: 78, kind: "loses the answer of" },
    { at: 100, kind: "dies before" },
  ],
  "rolled-back": [{ at: 139, kind: "dies after" }],
} as const;

test.concurrent.each(stages)(
  "interrupted on its way to $end, lane $lane",
  { timeout: 12 * 3_600_000 },
  async (stage) => {
    if (all) return interruptAll(stage);
    for (const order of slice[stage.end]) expect(await upgrade(stage, order)).not.toBeNull();
  },
);
