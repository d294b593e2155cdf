import { setTimeout as wait } from "node:timers/promises";
import type { Member } from "../../../src/local/mongod-process.ts";
import type { Direction } from "../../chaos/network.ts";
import type { Draw } from "../../simulation/draw.ts";
import type { ChaosWorld, NamedWorker } from "./chaos-world.ts";
import type { FaultKind, FaultPlan } from "./plan.ts";

/** Sets a fault, and answers with what ends it. Null: there is nothing to hit at this moment. */
type Fault = (world: ChaosWorld, draw: Draw) => Promise<(() => Promise<unknown>) | null>;

const over = async () => {};

const onWorker =
  (act: (world: ChaosWorld, worker: NamedWorker) => Promise<() => Promise<unknown>>): Fault =>
  async (world, draw) => {
    if (world.workers.length === 0) return null;
    return act(world, draw.pick(world.workers));
  };

/** A worker that is gone has a successor of its version once the fault is over. */
const endWorker = (how: "kill" | "stop") =>
  onWorker(async (world, worker) => {
    world.leave(worker);
    await worker.process[how]();
    return () => world.join(worker.version);
  });

const cutWorker = (direction: Direction) =>
  onWorker(async (world, worker) => {
    world.network.cut(worker.name, direction);
    return async () => world.network.heal();
  });

/** The present primary, or null while there is none. */
async function primaryOf({ set }: ChaosWorld): Promise<Member | null> {
  const primary = await Promise.race([set.primary().catch(() => null), wait(3_000, null)]);
  return primary?.alive ? primary : null;
}

const onPrimary =
  (act: (world: ChaosWorld, primary: Member) => Promise<() => Promise<unknown>>): Fault =>
  async (world) => {
    const primary = await primaryOf(world);
    return primary && act(world, primary);
  };

const cutPrimary = (direction: Direction) =>
  onPrimary(async ({ network }, primary) => {
    network.cut(primary.name, direction);
    return async () => network.heal();
  });

async function killed(member: Member): Promise<() => Promise<unknown>> {
  await member.kill();
  return () => member.restart();
}

const faults: Readonly<Record<FaultKind, Fault>> = {
  "worker-killed": endWorker("kill"),
  "worker-stopped": endWorker("stop"),
  "worker-paused": onWorker(async (_, { process }) => {
    process.pause();
    return async () => process.resume();
  }),
  async "worker-joins"(world, draw) {
    const version = world.workers.length === 0 ? "1.0.0" : draw.pick(world.workers).version;
    await world.join(version);
    return over;
  },
  "worker-cut-off": cutWorker("both"),
  "worker-unheard": cutWorker("out"),
  "worker-deaf": cutWorker("in"),
  "primary-killed": onPrimary((_, primary) => killed(primary)),
  "primary-stepped-down": onPrimary(async ({ set }) => {
    await set.stepDown();
    return over;
  }),
  "primary-paused": onPrimary(async (_, primary) => {
    primary.pause();
    return async () => primary.resume();
  }),
  "primary-cut-off": cutPrimary("both"),
  "primary-unheard": cutPrimary("out"),
  "primary-deaf": cutPrimary("in"),
  async "secondary-killed"(world, draw) {
    const primary = await primaryOf(world);
    const others = world.set.members.filter((member) => member !== primary && member.alive);
    return others.length === 0 ? null : killed(draw.pick(others));
  },
  async "all-members-killed"({ set }) {
    const alive = set.members.filter((member) => member.alive);
    await Promise.all(alive.map((member) => member.kill()));
    return () => Promise.all(alive.map((member) => member.restart()));
  },
  async "links-slow"({ set, network }) {
    for (const { name } of set.members) network.slow(name, 40);
    return async () => network.heal();
  },
};

/** Sets the faults of a plan at the same time, and ends them. Answers with those that could be set. */
export async function doFaults(
  { kinds, lastsMs }: FaultPlan,
  world: ChaosWorld,
  draw: Draw,
): Promise<readonly FaultKind[]> {
  const ends: (() => Promise<unknown>)[] = [];
  const set: FaultKind[] = [];
  try {
    for (const kind of kinds) {
      // One that meets the other may fail: a member that is gone cannot step down.
      const end = await faults[kind](world, draw).catch(() => null);
      if (end === null) continue;
      ends.push(end);
      set.push(kind);
    }
    if (set.length > 0) await wait(lastsMs);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
  return set;
}
