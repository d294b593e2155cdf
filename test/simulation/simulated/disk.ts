import type { SchemaContext } from "../../../src/database/migration/schema-context.ts";
import type {
  LocalJournal,
  LocalRecord,
} from "../../../src/upgrade/participant/local/local-journal.ts";
import type { Step } from "../../../src/upgrade/protocol/steps.ts";
import type { Scheduler } from "../scheduler.ts";
import { batchesOfStep, batchName, hasSchemaStep, minorOf, type SimulatedCopy } from "./data.ts";
import type { SimulatedProcess } from "./process.ts";

/** The part of a host that outlives its processes. */
export interface Disk {
  wanted: string;
  fallback: string;
  stepsVersion: string | undefined;
  /** The steps version was declared, and not reached by local steps. */
  isDeclared: boolean;
  readonly local: Map<string, LocalRecord>;
  readonly files: Map<string, string>;
  readonly copies: Map<string, SimulatedCopy>;
  /** Copies that an operator can bring back. */
  readonly lost: Map<string, SimulatedCopy>;
  /** Copies that were damaged or lost here after they had been made: of which upgrade, and which time T. */
  readonly tampered: Set<string>;
}

export const stateFile = "state";

/** How a copy is named among those that were tampered with. */
export const copyName = (upgradeId: string, time: string): string => `${upgradeId} at ${time}`;

/** The way of one process to its host's disk. */
export interface Files {
  /** @throws LockstepError `disk-full` */
  write<Result>(act: () => Result): Promise<Result>;
}

/** The local journal on a disk in memory, with kills between its writes. */
export function localJournalOn(
  disk: Disk,
  { write }: Files,
  simulatedProcess: SimulatedProcess,
  scheduler: Scheduler,
): LocalJournal {
  const io = async <Result>(act: () => Result): Promise<Result> => {
    await simulatedProcess.turn();
    await scheduler.sleep(1);
    await simulatedProcess.turn();
    return write(act);
  };
  const journal: LocalJournal = {
    read: async (upgradeId) => {
      await simulatedProcess.turn();
      return structuredClone(disk.local.get(upgradeId));
    },
    write: (upgradeId, record) => io(() => void disk.local.set(upgradeId, structuredClone(record))),
    async keep(upgradeId, record, path) {
      if (record.kept.some((kept) => kept.path === path)) return record;
      const next = {
        ...record,
        kept: [...record.kept, { path, copy: disk.files.get(path) ?? null }],
      };
      await journal.write(upgradeId, next);
      return next;
    },
    putBack: (record) =>
      io(() => {
        for (const { path, copy } of record.kept.toReversed()) {
          if (copy === null) disk.files.delete(path);
          else disk.files.set(path, copy);
        }
      }),
    // A removal needs no room.
    forget: (upgradeId) => simulatedProcess.write(() => void disk.local.delete(upgradeId)),
    async stepsVersion() {
      await simulatedProcess.turn();
      return disk.stepsVersion;
    },
    async isDeclared() {
      await simulatedProcess.turn();
      return disk.isDeclared;
    },
    setStepsVersion: (version, { isDeclared } = { isDeclared: false }) =>
      io(() => {
        [disk.stepsVersion, disk.isDeclared] = [version, isDeclared];
      }),
    forgetStepsVersion: () =>
      simulatedProcess.write(() => {
        [disk.stepsVersion, disk.isDeclared] = [undefined, false];
      }),
  };
  return journal;
}

/** Version 1.N.0 has the schema steps up to its own (see the simulated data) and N local ones. */
export function stepsOf(
  { version, build }: { readonly version: string; readonly build: string },
  disk: Disk,
  { write }: Files,
  goWrong: (to: string, signal: AbortSignal) => Promise<void>,
  problem: (words: string) => void,
): readonly Step[] {
  return Array.from({ length: minorOf(version) }, (_, index): readonly Step[] => {
    const number = index + 1;
    const description = number === minorOf(version) ? build : "";
    const base = { version: `1.${number}.0`, description };
    const schema: Step = {
      ...base,
      ...{ name: `schema-${number}`, target: "MasterStateServer" },
      async run(context: SchemaContext) {
        const change = { update: [] };
        for (let batch = 0; batch < batchesOfStep; batch += 1) {
          await context.applyToCollection(batchName(number, batch), change);
        }
      },
    };
    return [
      ...(hasSchemaStep(number) ? [schema] : []),
      {
        ...base,
        name: `local-${number}`,
        target: "AllMachines",
        async run({ keep, to, signal }) {
          const mine = base.version;
          const found = disk.files.get(stateFile);
          const fine = [`1.${index}.0`, `${mine} in part`, mine];
          if (!fine.includes(found ?? "")) problem(`local step of ${mine} on files of ${found}`);
          await keep(stateFile);
          await write(() => disk.files.set(stateFile, `${mine} in part`));
          await goWrong(to, signal);
          await write(() => disk.files.set(stateFile, mine));
        },
      },
    ];
  }).flat();
}
