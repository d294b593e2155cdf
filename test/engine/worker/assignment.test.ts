import fc from "fast-check";
import { expect, test } from "vitest";
import type { PartitionRecord, WorkerRecord } from "../../../src/engine/journal/store.ts";
import { decideAssignment } from "../../../src/engine/worker/assignment.ts";

const workerOf = (worker: string, machines: readonly string[] = ["order@1.0.0"]): WorkerRecord => ({
  ...{ worker, machines, epoch: 1, expiresAtMs: 0, isExpired: false, host: "here", pid: 1 },
});

function partitionsOf(owners: readonly (string | null)[], machine = "order"): PartitionRecord[] {
  return owners.map((worker, place) => ({
    ...{ partition: `${machine}/${place}`, machine, worker, epoch: 0, mark: null, expired: null },
  }));
}

/** All workers decide on the same records; whoever comes first gets a partition. */
function oneRound(workers: readonly WorkerRecord[], partitions: readonly PartitionRecord[]) {
  const next = new Map(partitions.map((record) => [record.partition, record]));
  const decided = workers.map(({ worker }) => ({
    worker,
    ...decideAssignment(worker, workers, partitions),
  }));
  for (const { worker, release, claim } of decided) {
    const changes = [...release.map((record) => [record, null] as const)];
    for (const [record, owner] of [
      ...changes,
      ...claim.map((record) => [record, worker] as const),
    ]) {
      const held = next.get(record.partition);
      if (held?.epoch !== record.epoch) continue;
      next.set(record.partition, { ...held, worker: owner, epoch: held.epoch + 1 });
    }
  }
  return [...next.values()];
}

const countsOf = (workers: readonly WorkerRecord[], partitions: readonly PartitionRecord[]) =>
  workers.map(({ worker }) => partitions.filter((partition) => partition.worker === worker).length);

test("whatever the owners were, all partitions have an owner soon, and no two shares differ by more than one", () => {
  const names = fc.uniqueArray(fc.constantFrom(..."abcdefghijkl"), { minLength: 1 });
  const owner = fc.constantFrom(null, "gone", ..."abcdefghijkl");
  fc.assert(
    fc.property(names, fc.array(owner, { minLength: 32, maxLength: 32 }), (alive, owners) => {
      const workers = alive.map((name) => workerOf(name));
      let partitions: readonly PartitionRecord[] = partitionsOf(owners);
      // A round to give back, and for each conflict of claims another one.
      for (let round = 0; round < 40; round += 1) partitions = oneRound(workers, partitions);
      const counts = countsOf(workers, partitions);
      expect(counts.reduce((one, other) => one + other, 0)).toBe(32);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(oneRound(workers, partitions)).toEqual(partitions);
    }),
  );
});

test("nobody claims what a living worker owns, and nobody releases what is not its own", () => {
  const owner = fc.constantFrom(null, "a", "b", "c", "gone");
  fc.assert(
    fc.property(
      fc.array(owner, { maxLength: 40 }),
      fc.constantFrom("a", "b", "c"),
      (owners, me) => {
        const workers = ["a", "b", "c"].map((name) => workerOf(name));
        const { claim, release } = decideAssignment(me, workers, partitionsOf(owners));
        for (const { worker } of claim) expect([null, "gone"]).toContain(worker);
        for (const { worker } of release) expect(worker).toBe(me);
        const names = claim.map(({ partition }) => partition);
        expect(new Set(names).size).toBe(names.length);
      },
    ),
  );
});

test("twelve workers share 32 partitions, and none of them is idle", () => {
  const workers = [..."abcdefghijkl"].map((name) => workerOf(name));
  let partitions: readonly PartitionRecord[] = partitionsOf(Array.from({ length: 32 }, () => "a"));
  for (let round = 0; round < 40; round += 1) partitions = oneRound(workers, partitions);
  expect(countsOf(workers, partitions).toSorted()).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3]);
});

test("a worker of an older version gives its partitions to one of the newest, and keeps them where there is none", () => {
  const old = workerOf("old", ["order@1.0.0", "mail@1.0.0"]);
  const both = workerOf("new", ["order@1.0.0", "order@1.10.0"]);
  const partitions = [...partitionsOf(["old", "old"]), ...partitionsOf(["old"], "mail")];
  const { release } = decideAssignment("old", [old, both], partitions);
  expect(release.map(({ partition }) => partition)).toEqual(["order/0", "order/1"]);
  expect(decideAssignment("old", [old], partitions).release).toEqual([]);
  const free = partitionsOf([null, null]);
  expect(decideAssignment("old", [old, both], free).claim).toEqual([]);
  expect(decideAssignment("new", [old, both], free).claim).toHaveLength(2);
});
