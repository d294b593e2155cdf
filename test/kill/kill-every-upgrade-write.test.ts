// Aim: whoever dies with -9 before or after any durable write of an upgrade, or loses its answer, the
// upgrade ends by itself: done with each batch once, or rolled back with the data as it was. Method: a
// fleet of real processes on real mongods, whose writes through the fault points are numbered; an upgrade for
// each number and each way to interrupt that write. `npm run kill-every-write` takes all of an upgrade
// that succeeds and of one that fails after the migration; the tests a fixed slice.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isLockstepError } from "../../src/errors.ts";
import { type InterruptionOrder, numberFile, orderFile } from "../fixtures/interruption.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

const all = process.env["LOCKSTEP_KILL"] === "all";
const kinds = ["dies before", "dies after", "loses the answer of"] as const;
const writesMax = 1_000;
/** Where other work keeps the cores busy, masters lose the lease again and again, and minutes go by. */
const endTimeoutMs = 600_000;
/** Versions that a fleet's launchers know: 1.29 is the last. Its journals do not grow for ever, either. */
const upgradesOfFleet = 29;

const ends = ["done", "rolled-back"] as const;
type End = (typeof ends)[number];

/** An interruption: of a write of an upgrade that ends so. */
type Job = Omit<InterruptionOrder, "run"> & { readonly end: End };

/** Hours can be split: `LOCKSTEP_KILL_FROM=done:96,rolled-back:64` begins with those writes. */
const firstWrite = new Map(
  (process.env["LOCKSTEP_KILL_FROM"] ?? "").split(",").map((part) => {
    const [end = "", at = "1"] = part.split(":");
    return [end, Number(at)];
  }),
);

function* everyWrite(end: End): Generator<Job> {
  for (let at = firstWrite.get(end) ?? 1; at <= writesMax; at += 1) {
    for (const kind of kinds) yield { end, at, kind };
  }
  expect.fail(`an upgrade has more than ${writesMax} writes`);
}

const slice: readonly Job[] = [
  { end: "done", at: 78, kind: "loses the answer of" },
  { end: "rolled-back", at: 139, kind: "dies after" },
  { end: "done", at: 100, kind: "dies before" },
];

/** Jobs that are left of an end. */
interface Jobs {
  readonly end: string;
  readonly jobs: Iterator<Job>;
  /** How many upgrades in a row had no such write: how many an upgrade has differs from one to the next. */
  misses: number;
  /** The highest number of a write that was there. */
  last: number;
}
const missesMax = 2 * kinds.length;
const jobsOf = (end: string, jobs: Iterator<Job>): Jobs => ({ end, jobs, misses: 0, last: 0 });
const ways = all
  ? ends.map((end) => jobsOf(end, everyWrite(end)))
  : [jobsOf("slice", slice.values())];
const left = [...ways];

/** Fleets that share the jobs. One alone leaves two cores idle only at times, so more than two gain nothing. */
interface Stage {
  fleet: TestFleet | undefined;
  /** Upgrades of this fleet, and those of them that are done. */
  begun: number;
  done: number;
}
const stages = Array.from({ length: 2 }, (): Stage => {
  return { fleet: undefined, begun: 0, done: 0 };
});
let runs = 0;
afterAll(async () => {
  const lasts = ways.map(({ end, last }) => `${end}: ${last}`);
  if (all)
    process.stdout.write(`${runs} upgrades; last write of one that is ${lasts.join(", ")}\n`);
  for (const { fleet } of stages) await fleet?.stop();
});

/**
 * Asks for an upgrade, or answers with null while an agent is missing: one whose process died, or whose disk failed, at the
 * end of the upgrade before has to come up first.
 */
function ask({ fleet }: TestFleet, to: string) {
  return fleet.upgrade(to).catch((error: unknown) => {
    if (isLockstepError(error, "peers-missing")) return null;
    throw error;
  });
}

/** One upgrade with one write interrupted; answers with what was, or null where it has fewer writes. */
async function upgrade(stage: Stage, { end, at, kind }: Job): Promise<string | null> {
  if (stage.begun === upgradesOfFleet) {
    await stage.fleet?.stop();
    [stage.fleet, stage.begun, stage.done] = [undefined, 0, 0];
  }
  stage.fleet ??= await startTestFleet();
  const { fleet } = stage;
  runs += 1;
  stage.begun += 1;
  const order: InterruptionOrder = { run: runs, at, kind };
  const { client, holds } = fleet;
  const [from, before] = [`1.${stage.done}.0`, await fleet.digest()];
  await writeFile(join(holds, orderFile), JSON.stringify(order));
  const to = `1.${stage.done + 1}.${end === "done" ? 0 : 1}`;
  const { upgradeId: id } = await until(`the fleet takes ${to}`, () => ask(fleet, to));
  const state = await fleet.until(
    `an end after: ${kind} ${at}`,
    ({ upgrade: now }) => (now?.upgradeId === id && now.final ? now.state : ""),
    endTimeoutMs,
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

/** Of the ends in turn. */
function nextJob(): { readonly job: Job; readonly of: Jobs } | null {
  for (let looks = left.length; looks > 0; looks -= 1) {
    const of = left.shift();
    const next = of?.jobs.next();
    if (!of || !next || next.done || of.misses >= missesMax) continue;
    left.push(of);
    return { job: next.value, of };
  }
  return null;
}

test.concurrent.each(stages)(
  "whatever is interrupted, fleet %$",
  { timeout: 12 * 3_600_000 },
  async (stage) => {
    for (let next = nextJob(); next !== null; next = nextJob()) {
      const { job, of } = next;
      const interrupted = await upgrade(stage, job);
      const isThere = interrupted !== null;
      if (all) process.stdout.write(`${job.end}: ${job.kind} ${job.at}: ${interrupted}\n`);
      of.misses = isThere ? 0 : of.misses + 1;
      if (isThere) of.last = Math.max(of.last, job.at);
      expect(all || isThere, "a write of the slice is there").toBe(true);
      expect(isThere || job.at > 60, "the writes of an upgrade").toBe(true);
    }
  },
);
