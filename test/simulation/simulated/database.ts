import { type Manifest, manifestFormat } from "../../../src/database/backup/manifest.ts";
import type { DataDatabase } from "../../../src/database/data-database.ts";
import { runSteps } from "../../../src/database/migration/run-steps.ts";
import type { StepsRun } from "../../../src/database/migration/runner.ts";
import { LockstepError } from "../../../src/errors.ts";
import type { Store, Write } from "../../../src/journal/store.ts";
import { deposed } from "../../../src/leadership/fenced-transaction.ts";
import { limits } from "../../../src/limits.ts";
import { digestOf } from "../../../src/mongo/catalogue/digest.ts";
import type {
  Acting,
  HeldCopy,
  ScratchDatabase,
  UpgradeDatabase,
} from "../../../src/upgrade/database/upgrade-database.ts";
import type { Catalogued } from "../../../src/upgrade/protocol/copies/backup-point.ts";
import type { Draw } from "../draw.ts";
import {
  catalogueOf,
  type Data,
  dataDocument,
  dataOf,
  digestsOf,
  lookDocument,
  type Misbehaviour,
  readData,
  type SimulatedCopy,
} from "./data.ts";
import type { SimulatedProcess } from "./process.ts";
import { liveSteps, scratchSteps } from "./steps.ts";

/** The means of one process to act on the simulated database, and on its host's copies. */
export interface SimulatedDatabaseOptions {
  /** As this process reaches it. */
  readonly store: Store;
  readonly simulatedProcess: SimulatedProcess;
  readonly draw: Draw;
  readonly copies: Map<string, SimulatedCopy>;
  /** Of the steps to this process's own version: no other build runs them. */
  misbehaviour(): Misbehaviour;
  readonly diskIsFull: () => boolean;
  readonly momentIsGone: () => boolean;
  /** An effect has started. */
  started(effect: string): Promise<void>;
  /** S5: schema steps are about to run here. */
  checkSteps(upgradeId: string): Promise<void>;
  problem(words: string): void;
}

const nothing: Data = { applied: {}, application: 0, foreign: 0 };
const size = { dataSizeBytes: 1, storageSizeBytes: 1, indexSizeBytes: 1 } as const;

function until(signal: AbortSignal): Promise<never> {
  return new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function manifestOf(folder: string, { time, data }: SimulatedCopy): Manifest {
  return {
    ...{ format: manifestFormat, backupId: folder, fleet: "", databaseName: "", version: "" },
    ...{ time, serverVersion: "", gzip: false, collections: [], seal: "" },
    digest: digestOf(digestsOf(data)),
  };
}

/** A time T has the count of foreign writes up to it: what an oplog tells. */
const timeOf = (nowMs: number, foreign: number, unique: string) => `${nowMs}:${foreign}:${unique}`;
const foreignAt = (time: string): number => Number(time.split(":")[1]);

/** The primitives on the store: fenced as on MongoDB, and with the same answers. They decide nothing. */
export function createSimulatedDatabase(options: SimulatedDatabaseOptions): UpgradeDatabase {
  const { store, simulatedProcess, draw, copies } = options;
  const work = async (ms: number, signal: AbortSignal) => {
    await simulatedProcess.clock.sleep(1 + draw.below(ms), signal);
    signal.throwIfAborted();
  };
  const writeFenced = async ({ mastership }: Pick<Acting, "mastership">, write: Write) => {
    const refused = await store.write([mastership.fence, write]);
    if (refused === 0) throw deposed(mastership.epoch);
    return refused === null;
  };
  /** The steps of a build go wrong at one batch, as drawn. */
  const beforeBatch = async ({ signal }: StepsRun, batch: number) => {
    await work(400, signal);
    const { kind, batch: where } = options.misbehaviour();
    if (batch !== where) return;
    if (kind === "fails") throw new Error("as drawn");
    if (kind === "hangs") await until(signal);
    if (kind === "ignores-its-signal") await new Promise(() => {});
    if (kind === "goes-on-after-its-signal") {
      await until(signal).catch(() => {});
      await simulatedProcess.clock.sleep(draw.below(2 * limits.effectStopGraceMs));
    }
    if (kind === "kills" && draw.chance(0.5)) {
      simulatedProcess.kill();
      await simulatedProcess.turn();
    }
  };
  const inRehearsal = async () => {
    if (options.misbehaviour().kind === "fails-in-rehearsal") throw new Error("as drawn");
  };

  const live: DataDatabase = {
    catalogue: async () => catalogueOf(await readData(store)),
    digests: async () => digestsOf(await readData(store)),
    size: async () => size,
    async runSteps(run) {
      await options.checkSteps(run.upgradeId);
      return runSteps(run, liveSteps(store, beforeBatch));
    },
  };

  const createScratch = (signal: AbortSignal): ScratchDatabase => {
    const scratch = { data: nothing, isLoaded: false };
    return {
      signal,
      async load({ folder }, loading) {
        await work(1_000, loading);
        scratch.data = copies.get(folder)?.data ?? nothing;
        scratch.isLoaded = true;
      },
      async loadPartly({ folder }, loading) {
        await work(100, loading);
        scratch.data = copies.get(folder)?.data ?? nothing;
        return {
          missing: (reach) =>
            !scratch.isLoaded && (reach === "all" || reach.includes("films")) ? ["films"] : [],
          async load() {
            await work(1_000, loading);
            scratch.isLoaded = true;
          },
          proveMissing: async () => {},
          close: async () => {},
        };
      },
      catalogue: async () => catalogueOf(scratch.data),
      digests: async () => digestsOf(scratch.data),
      size: async () => size,
      async runSteps(run) {
        await options.checkSteps(run.upgradeId);
        return runSteps(run, scratchSteps(scratch, inRehearsal, options.problem));
      },
    };
  };

  const restore = async (acting: Acting, { folder }: HeldCopy, wanted: Catalogued) => {
    await options.started(acting.effect);
    const copy = copies.get(folder);
    if (!copy || copy.damaged) throw new LockstepError("backup-mismatch", "no whole copy here");
    if (digestOf(wanted.digest) !== digestOf(digestsOf(copy.data))) {
      options.problem("S6: a copy is not what the journal refers to");
    }
    const { applied, application, foreign } = copy.data;
    for (const phase of ["loading", "swapping"]) {
      await work(800, acting.signal);
      const { fence, epoch } = acting.mastership;
      const refused = await store.write([
        { ...fence, set: { restore: { upgradeId: folder, phase } } },
        phase === "loading"
          ? { ...dataDocument, expect: {} }
          : { ...dataDocument, expect: {}, set: { applied, application, foreign } },
      ]);
      if (refused !== null) throw deposed(epoch);
    }
    return digestOf(digestsOf(copy.data));
  };

  return {
    live,
    async chooseTime() {
      const [{ foreign }, nowMs] = [await readData(store), await store.now()];
      return timeOf(nowMs, foreign, draw.hex(4));
    },
    endEarlierOperations: async () => {},
    async refuseForeignWrites(acting, time, whatNext = "stop it, then upgrade again") {
      await writeFenced(acting, { ...lookDocument, expect: {}, increment: { looks: 1 } });
      if ((await readData(store)).foreign === foreignAt(time)) return;
      throw new LockstepError("foreign-writes", `somebody wrote: ${whatNext}`);
    },
    findWritesSince: async () => ({ writes: [], count: 0 }),
    saveForeignWrites: async () => ({ path: "saved", documents: 1, deletions: 0 }),

    pauseDeletions: ({ effect }) => options.started(effect),
    resumeDeletions: async () => {},
    holdHistory: async () => {},
    releaseHistory: async () => {},
    blockWrites: async () => {},
    allowWrites: async () => {},
    requireRoom: async () => {},
    preflight: async () => ({ warnings: [], catalogue: await live.catalogue() }),

    holdings: async () => ({ freeBytes: 1, backups: [...copies.keys()], memberTrouble: null }),
    async dump({ backupId, time, signal, ...wanted }) {
      await work(500, signal);
      if (options.momentIsGone()) throw new LockstepError("moment-gone", "as drawn");
      if (options.diskIsFull()) throw new LockstepError("disk-full", "as drawn");
      const copy = { time, data: dataOf(wanted), damaged: false };
      copies.set(backupId, copy);
      return manifestOf(backupId, copy);
    },
    async verifyCopy(folder) {
      const copy = copies.get(folder);
      if (!copy || copy.damaged) throw new LockstepError("backup-mismatch", "no whole copy here");
      return { folder, manifest: manifestOf(folder, copy), equal: [] };
    },
    async sweepCopies(referenced) {
      const old = [...copies.keys()].toSorted().slice(0, -limits.backupsKept);
      for (const folder of old) if (!referenced.includes(folder)) copies.delete(folder);
    },

    requireServerOf: async () => {},
    async withScratch(acting, _purpose, act) {
      await options.started(acting.effect);
      return act(createScratch(new AbortController().signal));
    },
    clearScratch: ({ effect }) => options.started(effect),
    restore,
    async restoreOver() {
      throw new LockstepError("bad-argument", "no backup is restored by hand in the simulation");
    },
  };
}
