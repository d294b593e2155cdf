import { rcompare } from "semver";
import type { PartitionRecord, WorkerRecord } from "../journal/store.ts";

/** The partitions that a worker gives back and claims, in this order. */
export interface Assignment {
  readonly release: readonly PartitionRecord[];
  readonly claim: readonly PartitionRecord[];
  /** True where this worker has its share of each machine, and no partition is free. */
  readonly isSettled: boolean;
}

export const nameAndVersion = (machine: string): readonly [string, string] => {
  const at = machine.lastIndexOf("@");
  return [machine.slice(0, at), machine.slice(at + 1)];
};

/** For each machine the workers that run its newest version: an older one could not go on with its actors. */
function eligibleWorkers(
  workers: readonly WorkerRecord[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const newest = new Map<string, string>();
  for (const [name, version] of workers.flatMap(({ machines }) => machines.map(nameAndVersion))) {
    const known = newest.get(name);
    if (known === undefined || rcompare(version, known) < 0) newest.set(name, version);
  }
  return new Map(
    [...newest].map(([name, version]) => [
      name,
      new Set(
        workers
          .filter(({ machines }) => machines.includes(`${name}@${version}`))
          .map(({ worker }) => worker),
      ),
    ]),
  );
}

/** The number of partitions that a worker has to own. The shares differ by at most one, and the workers that own most keep the remainder. */
function shareOf(
  me: string,
  able: ReadonlySet<string>,
  partitions: readonly PartitionRecord[],
): number {
  if (!able.has(me)) return 0;
  const owned = new Map([...able].toSorted().map((worker) => [worker, 0]));
  for (const { worker } of partitions) {
    const count = worker === null ? undefined : owned.get(worker);
    if (worker !== null && count !== undefined) owned.set(worker, count + 1);
  }
  const ranked = [...owned].toSorted(([, one], [, other]) => other - one);
  const rank = ranked.findIndex(([worker]) => worker === me);
  const odd = partitions.length % able.size;
  return Math.floor(partitions.length / able.size) + (rank < odd ? 1 : 0);
}

/**
 * Shares the partitions of each machine out among the workers that run its newest version. Every worker decides by
 * itself, on the same records: it takes partitions without an owner up to its share, and gives back what is above it. Pure.
 * @param workers those whose lease has not expired
 */
export function decideAssignment(
  me: string,
  workers: readonly WorkerRecord[],
  partitions: readonly PartitionRecord[],
): Assignment {
  const alive = new Set(workers.map(({ worker }) => worker));
  const eligible = eligibleWorkers(workers);
  const release: PartitionRecord[] = [];
  const claim: PartitionRecord[] = [];
  let isSettled = true;
  for (const machine of new Set(partitions.map((partition) => partition.machine))) {
    const ofMachine = partitions.filter((partition) => partition.machine === machine);
    const able = eligible.get(machine) ?? new Set<string>();
    const mine = ofMachine.filter(({ worker }) => worker === me);
    const share = shareOf(me, able, ofMachine);
    // An older version goes on until a newer one is there: nobody else would.
    if (able.size > 0) release.push(...mine.slice(share));
    const free = ofMachine.filter(({ worker }) => worker === null || !alive.has(worker));
    // Workers start at different places, so that they seldom claim the same partition.
    const start = [...able].toSorted().indexOf(me) * share;
    const turned = [...free.slice(start % (free.length || 1)), ...free].slice(0, free.length);
    // Others may still give back more than their share.
    if (able.size > 0 && (mine.length !== share || free.length > 0)) isSettled = false;
    claim.push(...turned.slice(0, Math.max(0, share - mine.length)));
  }
  return { release, claim, isSettled };
}
