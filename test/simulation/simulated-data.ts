import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { BackupPoint, Reason } from "../../machines/vocabulary.ts";
import {
  keepCatalogue,
  readKeptCatalogue,
  sweepCatalogues,
} from "../../src/control/kept-catalogues.ts";
import { coordinatorId, coordinatorPrefix } from "../../src/control/names.ts";
import type { EffectContext } from "../../src/engine/engine.ts";
import { LockstepError } from "../../src/errors.ts";
import {
  collections,
  documentIds,
  type Plain,
  type Store,
  type Write,
} from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import type { DatabaseSide } from "../../src/upgrade/database-side.ts";
import { planOf, type Step } from "../../src/upgrade/protocol/steps.ts";
import { contextOf } from "../../src/upgrade/views.ts";
import type { World } from "../../src/upgrade/world.ts";
import type { Draw } from "./draw.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** The application's data: how often each batch of each schema step was applied, and what it wrote itself. */
export interface Data {
  readonly applied: Readonly<Record<string, number>>;
  readonly application: number;
  readonly foreign: number;
}

export const dataDocument = { collection: "simulated", id: "data" } as const;
export const batchesOfStep = 2;

/** What a copy holds, on one host. */
export interface SimulatedCopy {
  readonly time: string;
  readonly data: Data;
  damaged: boolean;
}

/** How the steps of one upgrade behave. */
export interface Misbehaviour {
  readonly kind:
    | "none"
    | "fails"
    | "fails-in-rehearsal"
    | "hangs"
    | "ignores-its-signal"
    | "goes-on-after-its-signal"
    | "kills"
    | "local-fails"
    | "local-hangs"
    | "local-kills"
    | "differs"
    | "rebuilt";
  /** A schema step at this batch. */
  readonly batch: number;
  /** A local step, or the build, on this host; `rebuilt` is every process but the first of a host. */
  readonly host: number;
}

export const minorOf = (version: string): number => Number(version.split(".")[1]);

/** Some versions change nothing in the database. */
export const hasSchemaStep = (minor: number): boolean => minor % 5 !== 2;

/** The batches that lie between two versions, in order. */
export function batchesBetween(from: string, to: string): readonly string[] {
  const names: string[] = [];
  for (let minor = minorOf(from) + 1; minor <= minorOf(to); minor += 1) {
    if (!hasSchemaStep(minor)) continue;
    for (let batch = 0; batch < batchesOfStep; batch += 1) names.push(`s${minor}b${batch}`);
  }
  return names;
}

export async function readData(store: Store): Promise<Data> {
  return (await store.get(dataDocument.collection, dataDocument.id)) as unknown as Data;
}

const digestOf = (data: Data) => JSON.stringify(data);
const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);

function after(data: Data, batches: readonly string[]): Data {
  const applied = { ...data.applied };
  for (const name of batches) applied[name] = (applied[name] ?? 0) + 1;
  return { ...data, applied };
}

/** S5, without the product's own comparison: these steps are not those that the agent was ready with. */
export function hasOtherSteps(
  { from, to, ready }: UpgradeContext,
  agent: string,
  steps: readonly Step[],
): boolean {
  return ready[agent]?.hash !== planOf(steps, from, to).hash;
}

/** The database side of one process, on the store: fenced as on MongoDB, and with the same answers. */
export function createSimulatedDatabase(options: {
  /** As this process reaches it. */
  readonly store: Store;
  readonly simulatedProcess: SimulatedProcess;
  readonly draw: Draw;
  readonly copies: Map<string, SimulatedCopy>;
  misbehaviour(to: string): Misbehaviour;
  readonly diskIsFull: () => boolean;
  readonly momentIsGone: () => boolean;
  /** An effect has started. */
  started(effect: string): Promise<void>;
  problem(words: string): void;
}): DatabaseSide {
  const { store, simulatedProcess, draw, copies } = options;
  const failure = (code: string, message: string): Reason => ({ code, message, details: {} });
  const work = (ms: number, signal: AbortSignal) =>
    simulatedProcess.clock.sleep(1 + draw.below(ms), signal);

  const fenceOf = (epoch: number, more: Record<string, Plain> = {}): Write => ({
    collection: collections.fences,
    id: documentIds.master,
    expect: { epoch, ...more },
    increment: { sequence: 1 },
  });
  const requireEpoch = (world: World, context: EffectContext): number => {
    const mastership = world.mastership(context.epoch);
    if (!mastership) throw new LockstepError("lease-lost", "this agent is not master any more");
    return mastership.epoch;
  };
  const batchesDone = async (upgrade: string): Promise<number | null> => {
    const fence = await store.get(collections.fences, documentIds.master);
    const progress = fence?.["progress"] as { upgrade: string; batches: number } | undefined;
    return progress?.upgrade === upgrade ? progress.batches : null;
  };

  /** One batch: the fence, the progress and the data change together, once or not at all. */
  const apply = async (epoch: number, upgrade: string, index: number, name: string) => {
    const progress = { upgrade, batches: index + 1, step: 0, operation: 0 };
    const before: Record<string, Plain> =
      index === 0 ? {} : { "progress.upgrade": upgrade, "progress.batches": index };
    const refused = await store.write([
      { ...fenceOf(epoch, before), set: { progress } },
      { ...dataDocument, expect: {}, increment: { [`applied.${name}`]: 1 } },
    ]);
    if (refused === null) return;
    const done = await batchesDone(upgrade);
    const fence = await store.get(collections.fences, documentIds.master);
    if (Number(fence?.["epoch"]) !== epoch)
      throw new LockstepError("fenced", "a successor is there");
    if (done === null || done <= index) throw new LockstepError("conflict", "progress moved back");
  };

  const until = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });

  /** As the real one: stored once, and the journal refers to it. */
  const keep = (context: EffectContext, epoch: number, data: Data) =>
    keepCatalogue(
      { store, fence: fenceOf(epoch) },
      context.actor.slice(coordinatorPrefix.length),
      data,
    );
  const dataOf = async (upgrade: string, digest: string) =>
    (await readKeptCatalogue(store, upgrade, digest)) as Data;

  /** Null while nobody has written from outside since the moment. */
  const foreignSince = async (upgrade: string, backup: BackupPoint): Promise<Reason | null> => {
    const { foreign } = await readData(store);
    const isQuiet = foreign === (await dataOf(upgrade, backup.catalogue)).foreign;
    return isQuiet ? null : failure("foreign-writes", "somebody wrote");
  };

  /** S5: whose steps run brought them when it was ready. */
  const checkSteps = async ({ agent, steps }: World, upgrade: string) => {
    const tail = await store.tail(coordinatorId(upgrade));
    const known = tail && contextOf<UpgradeContext>(tail);
    if (known && hasOtherSteps(known, agent, steps))
      options.problem(`S5: ${agent} runs other steps than agreed on`);
  };

  const migrate = async (world: World, params: Params, context: EffectContext) => {
    await options.started(context.id);
    const epoch = requireEpoch(world, context);
    const { upgrade, from, to, backup } = read(params);
    await checkSteps(world, upgrade);
    const batches = batchesBetween(from, to);
    let done = await batchesDone(upgrade);
    if (done === null && digestOf(await readData(store)) !== backup.digest) {
      const reason = failure("foreign-writes", "somebody wrote");
      return { type: "liveDataDiffers", reason };
    }
    const { kind, batch } = options.misbehaviour(to);
    for (done ??= 0; done < batches.length; done += 1) {
      context.signal.throwIfAborted();
      await work(400, context.signal);
      context.signal.throwIfAborted();
      if (kind === "fails" && done === batch) {
        return { type: "migrationFailed", reason: failure("step-failed", "as drawn") };
      }
      if (kind === "hangs" && done === batch) await until(context.signal);
      if (kind === "ignores-its-signal" && done === batch) await new Promise(() => {});
      if (kind === "goes-on-after-its-signal" && done === batch) {
        await until(context.signal).catch(() => {});
        await simulatedProcess.clock.sleep(draw.below(2 * limits.effectStopGraceMs));
      }
      if (kind === "kills" && done === batch && draw.chance(0.5)) {
        simulatedProcess.kill();
        await simulatedProcess.turn();
      }
      // The first batch's progress has no predecessor: it must not be applied again after a lost answer.
      const known = await batchesDone(upgrade);
      if (known !== null && known > done) continue;
      await apply(epoch, upgrade, done, batches[done] as string);
    }
    const reason = await foreignSince(upgrade, backup);
    return reason ? { type: "migrationFailed", reason } : { type: "migrationDone" };
  };

  /** As the real one: who holds no copy gives those who do time to lead. */
  const leftToHolders = async (world: World, params: Params, signal: AbortSignal) => {
    const holds = (params["holders"] as string[]).includes(world.agent);
    if (!holds) await simulatedProcess.clock.sleep(2 * limits.heartbeatStaleMs, signal);
    signal.throwIfAborted();
    return holds;
  };

  const restore = async (world: World, params: Params, context: EffectContext) => {
    await options.started(context.id);
    const epoch = requireEpoch(world, context);
    const { upgrade, backup } = read(params);
    if (backup === null) return { type: "dataRestored", digest: null };
    const begun = (await batchesDone(upgrade)) !== null;
    if (params["touched"] !== true || !begun) {
      return { type: "dataRestored", digest: digestOf(await readData(store)) };
    }
    const holds = await leftToHolders(world, params, context.signal);
    const copy = copies.get(upgrade);
    if (!copy || copy.damaged || copy.time !== backup.time) {
      const reason = failure("backup-mismatch", "no whole copy here");
      return holds
        ? { type: "copyLost", agent: world.agent, reason }
        : { type: "restoreFailed", reason };
    }
    if (!same(await dataOf(upgrade, backup.catalogue), copy.data)) {
      options.problem("S6: a copy is not what the journal refers to");
    }
    const { applied, application, foreign } = copy.data;
    const asBefore: Record<string, Plain> =
      params["acceptForeignWrites"] === true ? {} : { foreign };
    for (const phase of ["loading", "swapping"]) {
      await work(800, context.signal);
      context.signal.throwIfAborted();
      const refused = await store.write([
        { ...fenceOf(epoch), set: { restore: { upgrade, phase } } },
        phase === "loading"
          ? { ...dataDocument, expect: asBefore }
          : { ...dataDocument, expect: {}, set: { applied, application, foreign } },
      ]);
      if (refused === 1) {
        return { type: "restoreFailed", reason: failure("foreign-writes", "somebody wrote") };
      }
      if (refused !== null) throw new LockstepError("fenced", "a successor is there");
    }
    return { type: "dataRestored", digest: digestOf(copy.data) };
  };

  const chooseBackupTime = async (world: World, context: EffectContext) => {
    await options.started(context.id);
    const epoch = requireEpoch(world, context);
    await work(50, context.signal);
    context.signal.throwIfAborted();
    const [data, time] = [await readData(store), await store.now()];
    const backup: BackupPoint = {
      time: `${time}:${context.id}`,
      foreignWrites: "only detected",
      digest: digestOf(data),
      catalogue: await keep(context, epoch, data),
    };
    return { type: "backupTimeChosen", backup };
  };

  return {
    coordinatorEffects: (world) => ({
      chooseBackupTime: (_params, context) => chooseBackupTime(world, context),
      async rehearse(params, context) {
        await options.started(context.id);
        const { upgrade, from, to, backup } = read(params);
        await checkSteps(world, upgrade);
        await leftToHolders(world, params, context.signal);
        await work(1_000, context.signal);
        context.signal.throwIfAborted();
        const copy = copies.get(upgrade);
        if (!copy || copy.damaged || copy.time !== backup?.time) {
          const reason = failure("backup-mismatch", "no whole copy here");
          return { type: "rehearsalFailed", reason };
        }
        if (options.misbehaviour(to).kind === "fails-in-rehearsal") {
          return { type: "rehearsalFailed", reason: failure("step-failed", "as drawn") };
        }
        const rehearsed = after(copy.data, batchesBetween(from, to));
        const expected = await keep(context, requireEpoch(world, context), rehearsed);
        return { type: "rehearsalPassed", expected, figures: [], growthBytes: 0 };
      },
      migrate: (params, context) => migrate(world, params, context),
      async verifyCatalogue(params, context) {
        await work(50, context.signal);
        const { expected } = params as { expected: string | null };
        const { upgrade, backup } = read(params);
        const reason = backup === null ? null : await foreignSince(upgrade, backup);
        if (reason) throw new LockstepError("foreign-writes", reason.message);
        const rehearsed = expected === null ? null : await dataOf(upgrade, expected);
        if (rehearsed !== null && !same(rehearsed, await readData(store))) {
          throw new LockstepError("schema-conflict", "the live data is not what was rehearsed");
        }
        return { type: "catalogueVerified" };
      },
      restore: (params, context) => restore(world, params, context),
      async liftHolds() {
        await sweepCatalogues(store);
        return { type: "holdsLifted" };
      },
    }),
    dumpCopy: () => async (params, context) => {
      await options.started(context.id);
      const { upgrade, backup } = read(params);
      await work(500, context.signal);
      context.signal.throwIfAborted();
      if (backup === null) throw new LockstepError("bad-argument", "a copy has a moment");
      if (options.momentIsGone()) {
        return { type: "copyFailed", reason: failure("moment-gone", "as drawn") };
      }
      if (options.diskIsFull()) {
        return { type: "copyFailed", reason: failure("disk-full", "as drawn") };
      }
      const data = await dataOf(upgrade, backup.catalogue);
      copies.set(upgrade, { time: backup.time, data, damaged: false });
      return { type: "copyMade", digest: backup.digest };
    },
    async sweepBackups() {},
    preflight: async () => [],
    holdings: async () => ({ freeBytes: 1, backups: [...copies.keys()], memberTrouble: null }),
  };
}

type Params = Readonly<Record<string, unknown>>;

function read(params: Params) {
  return {
    upgrade: String(params["upgrade"]),
    from: String(params["from"]),
    to: String(params["to"]),
    backup: params["backup"] as BackupPoint,
  };
}
