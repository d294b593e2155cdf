// Aim: a fleet tries things in a small fixed pool of scratch databases, one owner each, and none that wakes up late
// harms the next one. Method: the real set; owners that are held at a write and renew nothing, as stopped processes;
// masters of growing epochs.
import { describe, expect, test } from "vitest";
import { runSchemaSteps } from "../../../src/database/migration/schema-steps.ts";
import { loadDatabase } from "../../../src/database/restore/load/load-database.ts";
import {
  clearScratch,
  type Scratch,
  type ScratchOptions,
  withScratch,
} from "../../../src/database/restore/scratch.ts";
import { isLockstepError, messageOf } from "../../../src/errors.ts";
import { silentLog } from "../../../src/log.ts";
import { readCatalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { digestDatabase } from "../../../src/mongo/catalogue/digest.ts";
import { scratchDatabaseNames } from "../../../src/mongo/database-names.ts";
import { type Clock, systemClock } from "../../../src/ports/clock.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { holdingFaultPoints, stoppedClock } from "../../support/holding-fault-points.ts";
import { fillWithEverything } from "../everything.ts";
import { createSetting, never, type Setting, takeCopy, withMember } from "../setting.ts";

async function createStage() {
  const setting = await createSetting();
  const { client, control } = setting;
  const pool = scratchDatabaseNames(control.databaseName);
  const claims = client.db("lockstep").collection<{ _id: string }>("claims");
  const mine = { fleet: control.databaseName };
  const options = (extra: Partial<ScratchOptions> = {}): ScratchOptions => ({
    ...{ client, control, purpose: "a test", signal: never, faultPoints: noFaults, log: silentLog },
    clock: systemClock,
    ...extra,
  });
  return {
    setting,
    pool,
    options,
    asMaster: async (epoch: number, extra: Partial<ScratchOptions> = {}) => {
      const mastership = await setting.master(epoch);
      const faultPoints = extra.faultPoints ?? noFaults;
      return options({
        ...extra,
        fenced: { client, control, mastership, signal: never, faultPoints, clock: systemClock },
      });
    },
    claimed: async () => (await claims.find(mine).toArray()).map(({ _id }) => _id).toSorted(),
    expire: () => claims.updateMany(mine, { $set: { expiresAt: 0 } }),
    /** Those that hold anything: an empty database is not listed. */
    async left() {
      const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
      return databases.map(({ name }) => name).filter((name) => pool.includes(name));
    },
  };
}

const load = (copy: Awaited<ReturnType<typeof takeCopy>>) => (scratch: Scratch) =>
  loadDatabase({ ...scratch.target, log: silentLog }, copy.directory, copy.manifest);

const outcomeOf = (working: Promise<unknown>) =>
  working.then(
    () => "done",
    (error: unknown) => (isLockstepError(error) ? error.code : messageOf(error)),
  );

const fewThings = async ({ client, name }: Setting) => {
  const rows = Array.from({ length: 500 }, (_, n) => ({ n }));
  await client.db(name).collection("things").insertMany(rows);
};

test("every kind of collection is loaded there, and nothing is left: no database, no claim", async () => {
  const stage = await createStage();
  await fillWithEverything(stage.setting);
  const copy = await takeCopy(stage.setting);
  const digests = await withScratch(stage.options(), load(copy));
  expect(digests).toEqual(copy.digest);
  expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
  const failing = withScratch(stage.options(), async (scratch) => {
    await load(copy)(scratch);
    throw new Error("as ordered");
  });
  await expect(failing).rejects.toThrow("as ordered");
  expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
});

test("so many at once as there are databases, each in its own; one more is refused with their owners", async () => {
  const stage = await createStage();
  const names: string[] = [];
  const inAll = async (depth: number): Promise<string> => {
    if (depth === stage.pool.length) return outcomeOf(withScratch(stage.options(), async () => {}));
    return withScratch(stage.options({ purpose: `work ${depth}` }), ({ name }) => {
      names.push(name);
      return inAll(depth + 1);
    });
  };
  expect(await inAll(0)).toBe("conflict");
  expect(names.toSorted()).toEqual(stage.pool);
  const all = (depth: number): Promise<unknown> =>
    withScratch(stage.options({ purpose: `work ${depth}` }), () =>
      depth === stage.pool.length ? Promise.resolve() : all(depth + 1),
    );
  await expect(all(0)).rejects.toThrow(
    new RegExp(`work 0.*work 3|process ${process.pid}.*for work 0`),
  );
  expect(await stage.claimed()).toEqual([]);
});

test("taken at the same moment, each has its own", async () => {
  const stage = await createStage();
  const names = new Set<string>();
  await Promise.all(
    stage.pool.map(() =>
      withScratch(stage.options(), async ({ name }) => {
        expect(names.has(name)).toBe(false);
        names.add(name);
        await stage.setting.client.db(name).collection("mine").insertOne({ a: 1 });
        expect(await stage.setting.client.db(name).collection("mine").countDocuments()).toBe(1);
        names.delete(name);
      }),
    ),
  );
  expect(await stage.left()).toEqual([]);
});

describe("an owner that stands still past its claim, and wakes up while the next one works", () => {
  test.each([
    ["load-create", "before"],
    ["load-create", "inside"],
    ["load-batch", "before"],
    ["load-batch", "inside"],
    ["claim-drop", "before"],
    ["claim-release", "before"],
  ] as const)(
    "held at %s, %s it: a command fails, the next one's copy is whole",
    async (write, when) => {
      const stage = await createStage();
      await fewThings(stage.setting);
      const copy = await takeCopy(stage.setting);
      const held = holdingFaultPoints(write, when);
      const late = outcomeOf(
        withScratch(
          stage.options({ faultPoints: held.faultPoints, clock: stoppedClock }),
          load(copy),
        ),
      );
      await held.reached;
      await stage.expire();
      // The next one would prefer another: of all four it works in the very database that was left.
      const nextIn = (taken: readonly Scratch[]): Promise<void> =>
        withScratch(stage.options(), async (scratch) => {
          const all = [...taken, scratch];
          if (all.length < stage.pool.length) return nextIn(all);
          expect(all[0]?.name).not.toBe(stage.pool[0]);
          const left = all.find(({ name }) => name === stage.pool[0]) as Scratch;
          await load(copy)(left);
          held.release();
          expect(await late).toBe("conflict");
          const { client } = stage.setting;
          expect(await digestDatabase(client, left.name)).toEqual(copy.digest);
        });
      await nextIn([]);
      expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
    },
  );

  test("its steps commit nothing more", async () => {
    const stage = await createStage();
    await fewThings(stage.setting);
    const copy = await takeCopy(stage.setting);
    const held = holdingFaultPoints("rehearsal-batch");
    const steps = [
      {
        name: "one",
        run: async (
          context: Parameters<Parameters<typeof runSchemaSteps>[0]["steps"][0]["run"]>[0],
        ) => context.applyToCollection("things", { update: [{ $set: { touched: 1 } }] }),
      },
    ];
    const late = outcomeOf(
      withScratch(
        stage.options({ faultPoints: held.faultPoints, clock: stoppedClock }),
        async (scratch) => {
          await load(copy)(scratch);
          const result = await runSchemaSteps({
            ...{
              ...scratch.fenced,
              withMember,
              clock: systemClock,
              databaseName: scratch.name,
              steps,
              upgradeId: "r",
              log: silentLog,
            },
            ...{
              now: new Date(0),
              progressField: "rehearsal",
              holder: "r:1",
              isDead: async () => false,
            },
          });
          if (result.kind === "failed") throw new Error(result.reason.message);
        },
      ),
    );
    await held.reached;
    await stage.expire();
    await clearScratch(stage.options());
    held.release();
    expect(await late).toBe("conflict");
    expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
  });
});

test.each(["claim-fence", "claim-drop", "claim-release"])(
  "where %s fails as a database is cleared that was left, its claim is renewed no more",
  async (write) => {
    const stage = await createStage();
    const { client } = stage.setting;
    const held = holdingFaultPoints("claim-release");
    void withScratch(
      stage.options({ faultPoints: held.faultPoints, clock: stoppedClock }),
      async () => {},
    );
    await held.reached;
    await client.db(stage.pool[0]).collection("left").insertOne({ a: 1 });
    await stage.expire();
    const renewals: AbortSignal[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep(_ms, signal) {
        if (signal) renewals.push(signal);
        return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
      },
    };
    const failing: FaultPoints = {
      async write(name, action) {
        if (name === write) throw new Error("no answer");
        return action();
      },
    };
    await expect(clearScratch(stage.options({ faultPoints: failing, clock }))).rejects.toThrow(
      "no answer",
    );
    expect(renewals.map(({ aborted }) => aborted)).toEqual([true]);
    await stage.expire();
    expect(await clearScratch(stage.options())).toEqual([stage.pool[0]]);
    expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
  },
);

describe("masters", () => {
  test("what a deposed one left is cleared by the next, which works in another; commands see that it is over", async () => {
    const stage = await createStage();
    const leaving = withScratch(await stage.asMaster(5), async ({ name }) => {
      await stage.setting.client.db(name).collection("half").insertOne({ a: 1 });
      throw new Error("killed here");
    });
    await expect(leaving).rejects.toThrow("killed here");
    expect(await stage.left()).toEqual([stage.pool[0]]);
    // Its epoch is not over: nobody else clears it.
    expect(await clearScratch(stage.options())).toEqual([]);
    expect(await stage.left()).toEqual([stage.pool[0]]);
    await withScratch(await stage.asMaster(6), async ({ name }) => {
      expect(name).toBe(stage.pool[1]);
      expect(await stage.left()).toEqual([]);
    });
    await outcomeOf(
      withScratch(await stage.asMaster(7), async ({ name }) => {
        await stage.setting.client.db(name).collection("half").insertOne({ a: 1 });
        throw new Error("killed here");
      }),
    );
    await stage.setting.master(8);
    expect(await clearScratch(stage.options())).toEqual([stage.pool[0]]);
    expect([await stage.left(), await stage.claimed()]).toEqual([[], []]);
  });

  test("a deposed one claims nothing, and clears nothing of its successor's", async () => {
    const stage = await createStage();
    const deposed = await stage.asMaster(5);
    await withScratch(await stage.asMaster(6), async ({ name }) => {
      await stage.setting.client.db(name).collection("copy").insertOne({ a: 1 });
      expect(await outcomeOf(withScratch(deposed, async () => {}))).toBe("fenced");
      expect(await clearScratch(deposed)).toEqual([]);
      expect((await readCatalogue(stage.setting.client, name)).collections).toHaveLength(1);
    });
  });
});
