import type { CountedActors } from "../../engine/journal/mongo/actor-counts.ts";
import type { PartitionRecord, WorkerRecord } from "../../engine/journal/store.ts";
import { limits } from "../../limits.ts";

/** One machine of an engine. */
export interface MachineFigures {
  readonly machine: string;
  /** Living workers that run it in any version. */
  readonly living: number;
  /** Its partitions with a living owner. */
  readonly held: number;
  readonly unowned: number;
  /** The delay of its earliest timer. */
  readonly timerLagMs: number;
}

/** One machine at the last count. */
export interface CountedMachine extends Pick<CountedActors, "machine" | "statuses" | "working"> {
  /** The longest time for which its work had waited when it was counted. */
  readonly workAgeMs: number;
}

/** An engine as its records show it. */
export interface EngineFigures {
  /** By their names, as many as have figures of their own. */
  readonly machines: readonly MachineFigures[];
  readonly machinesAll: number;
  readonly workers: { readonly alive: number; readonly expired: number };
  /** The entries in its journal, about. */
  readonly entries: number;
  /** The last count of all actors, or null where none came to its end. */
  readonly counted: { readonly machines: readonly CountedMachine[]; readonly ageMs: number } | null;
}

/** The machines of an engine with their partitions, by name, as many as have figures of their own. Pure. */
export function machinesOf(partitions: readonly PartitionRecord[]) {
  const names = [...new Set(partitions.map(({ machine }) => machine))].toSorted();
  return {
    all: names.length,
    machines: names.slice(0, limits.metricsMachinesMax).map((machine) => ({
      machine,
      partitions: partitions.filter((each) => each.machine === machine),
    })),
  };
}

/** The figures of one machine. Pure. */
export function machineFigures(
  machine: string,
  partitions: readonly PartitionRecord[],
  workers: readonly WorkerRecord[],
  timerLagMs: number,
): MachineFigures {
  const alive = workers.filter(({ isExpired }) => !isExpired);
  const names = new Set(alive.map(({ worker }) => worker));
  const held = partitions.filter(({ worker }) => worker !== null && names.has(worker)).length;
  const runs = ({ machines }: WorkerRecord) =>
    machines.some((each) => each.startsWith(`${machine}@`));
  return {
    ...{ machine, held, unowned: partitions.length - held, timerLagMs },
    living: alive.filter(runs).length,
  };
}

/** A count that was made or that was given up, by this process's clock. */
export interface CountTry {
  readonly atMs: number;
  readonly tookMs: number;
}

/** True where the actors may be counted again: seldom, and less often the longer a count takes. Pure. */
export function isCountDue(last: CountTry | null, nowMs: number): boolean {
  if (last === null) return true;
  const pauseMs = Math.max(limits.engineCountEveryMs, last.tookMs * limits.engineCountPauses);
  return nowMs - last.atMs >= pauseMs;
}
