// Aim: in each state of an upgrade, whatever is taken away, the upgrade ends, each batch counts once or
// the data is as before, and no invariant breaks. Method: real processes held at a durable write of the
// state, the fault, the end. The tests take every twelfth cell, so every other state once;
// `npm run fault-matrix` takes all of them.
import { copyFile, readdir, truncate } from "node:fs/promises";
import { minor } from "semver";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";
import { createNetwork, type Network } from "./network.ts";

interface Stage {
  readonly fleet: TestFleet;
  readonly network: Network;
}

/** An upgrade that stands in a state; `goOn` lets it run to this end. */
interface Standing {
  readonly upgradeId: string;
  goOn(): Promise<void>;
  readonly end: "done" | "rolled-back";
}

type Stand = (fleet: TestFleet, number: number) => Promise<Standing>;

const heldAt =
  (write: string, end: Standing["end"] = "done"): Stand =>
  async (fleet, number) => {
    await fleet.hold(write);
    const { upgradeId } = await fleet.fleet.upgrade(`1.${number}.${end === "done" ? 0 : 1}`);
    await fleet.reached(write.split(".")[0] ?? write);
    return { upgradeId, goOn: () => fleet.release(write), end };
  };

const inDefinition: Stand = async (fleet, number) => {
  const { upgradeId } = await heldAt("progress-batch")(fleet, number);
  // The rehearsal has passed its own by now: what is held is the live one.
  await fleet.hold("add-index");
  await fleet.release("progress-batch");
  await fleet.reached("add-index");
  return { upgradeId, goOn: () => fleet.release("add-index"), end: "done" };
};

const states: Readonly<Record<string, Stand>> = {
  waiting: heldAt("start.a3"),
  "backing-up": heldAt("dump-collection"),
  rehearsing: heldAt("rehearsal-batch"),
  migrating: heldAt("progress-batch"),
  "migrating, in a definition": inDefinition,
  "awaiting-peers": heldAt("local-journal"),
  "rolling-back": heldAt("restore-swap", "rolled-back"),
  async blocked(fleet, number) {
    const { upgradeId, goOn } = await heldAt("local-journal", "rolled-back")(fleet, number);
    const copies = ["a1", "a2", "a3"].map((agent) => fleet.copyPath(agent, upgradeId));
    const kept = `${copies[0]}.kept`;
    await copyFile(copies[0] ?? "", kept);
    for (const copy of copies) await truncate(copy, 1_000);
    await goOn();
    await fleet.until("blocked", ({ upgrade: now }) => now?.state === "blocked");
    const mend = async () => {
      for (const copy of copies) await copyFile(kept, copy);
      // Its answer may be lost with a primary; asked again it is refused, for it is not blocked any more.
      await until("the retry to be taken", async () => {
        await fleet.fleet.request({ kind: "retry", discardForeignWrites: true }).catch(() => null);
        const status = await fleet.fleet.status().catch(() => null);
        return status !== null && status.upgrade?.state !== "blocked";
      });
    };
    return { upgradeId, goOn: mend, end: "rolled-back" };
  },
  async paused(fleet, number) {
    const standing = await inDefinition(fleet, number);
    await fleet.fleet.request({ kind: "pause", why: "a fault" });
    await standing.goOn();
    await fleet.until("a pause", ({ upgrade: now }) => now?.state === "paused");
    const goOn = async () => {
      // Its answer may be lost with a primary; asked again it is refused, for it is not paused any more.
      await until("the resumption to be taken", async () => {
        await fleet.fleet.request({ kind: "resume" }).catch(() => null);
        const status = await fleet.fleet.status().catch(() => null);
        return status !== null && status.upgrade?.state !== "paused";
      });
    };
    return { ...standing, goOn };
  },
};

type Fault = (stage: Stage, goOn: () => Promise<void>) => Promise<void>;

const masterOf = async ({ fleet }: Stage) => {
  const { master } = await fleet.fleet.status();
  return { name: master?.agent ?? "", epoch: master?.epoch ?? 0 };
};
const succeeded = ({ fleet }: Stage, epoch: number) =>
  fleet.until("a successor", ({ master }) => (master?.epoch ?? 0) > epoch);

const faults: Readonly<Record<string, Fault>> = {
  async "master killed"(stage, goOn) {
    const { name } = await masterOf(stage);
    signalProcess(await stage.fleet.pidOf(name), "SIGKILL");
    await goOn();
  },
  async "primary killed"({ fleet: { set } }, goOn) {
    const primary = await set.primary();
    await primary.kill();
    await goOn();
    await set.primary();
    await primary.restart();
  },
  async "primary stepped down"({ fleet }, goOn) {
    await fleet.set.stepDown();
    await goOn();
  },
  async "master paused past its lease, then continued"(stage, goOn) {
    const { name, epoch } = await masterOf(stage);
    const pid = await stage.fleet.pidOf(name);
    signalProcess(pid, "SIGSTOP");
    try {
      await goOn();
      await succeeded(stage, epoch);
    } finally {
      signalProcess(pid, "SIGCONT");
    }
  },
  async "master partitioned away, then healed"(stage, goOn) {
    const { name, epoch } = await masterOf(stage);
    stage.network.cut(name, "both");
    try {
      await goOn();
      await succeeded(stage, epoch);
    } finally {
      stage.network.heal();
    }
  },
  async "an agent restarted"({ fleet }, goOn) {
    const server = fleet.servers[1];
    const stopped = server?.stop();
    await goOn();
    await stopped;
    await server?.start();
  },
};

const cells = Object.keys(states).flatMap((state, row) =>
  Object.keys(faults).map((fault, column) => ({
    state,
    fault,
    turn: ((row + column) % 6) + 6 * (row % 2),
  })),
);
const taken =
  process.env["LOCKSTEP_MATRIX"] === "all" ? cells : cells.filter(({ turn }) => turn === 1);

/** Each upgrade leaves a field and an index behind: a fleet takes so many. */
const upgradesOfAFleet = 24;
const fleets = Array.from({ length: Math.ceil(taken.length / upgradesOfAFleet) }, (_, index) =>
  taken.slice(index * upgradesOfAFleet, (index + 1) * upgradesOfAFleet),
);

describe.each(fleets.map((list) => ({ list })))("fleet %#", ({ list }) => {
  let stage: Stage;
  beforeAll(async () => {
    const network = createNetwork();
    stage = { network, fleet: await startTestFleet({ network }) };
  });
  afterAll(() => stage?.fleet.stop());
  // Each cell starts from a clean fleet, also after a cell that failed.
  afterEach(async () => {
    stage.network.heal();
    for (const name of await readdir(stage.fleet.holds)) {
      if (!/^(open|reached)\./.test(name)) await stage.fleet.release(name);
    }
    await stage.fleet.until("everybody serving again", ({ versions, agents }) => {
      const serve = agents.every(({ gate, version }) => {
        return gate === "open" && version === versions.agentVersion;
      });
      return versions.upgradeId === null && agents.length === 3 && serve;
    });
  });

  test.each(list)("$state: $fault", async ({ state, fault }) => {
    const { fleet } = stage;
    const before = await fleet.digest();
    const from = (await fleet.fleet.status()).versions.agentVersion;
    const number = minor(from) + 1;
    const standing = await states[state]?.(fleet, number);
    expect(standing).toBeDefined();
    if (!standing) return;
    const { upgradeId, goOn, end } = standing;
    await faults[fault]?.(stage, goOn);
    await fleet.ended(upgradeId, end, end === "done" ? `1.${number}.0` : from);
    if (end === "rolled-back") {
      expect(await fleet.digest()).toEqual(before);
      return;
    }
    for (let each = 1; each <= number; each += 1) {
      expect(await fleet.touched(each)).toEqual([1]);
    }
    const indexes = await fleet.client.db().collection("items").indexes();
    expect(indexes.filter(({ name }) => name === `by-touched${number}`)).toHaveLength(1);
  });
});
