import { expect, test } from "vitest";
import type { PartitionRecord } from "../../../src/engine/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { type AnyStore, type OpenStore, prepared, workerOf } from "./store-under-test.ts";

async function partitionNamed(store: AnyStore, name = "m/0"): Promise<PartitionRecord> {
  const found = (await store.partitions()).find(({ partition }) => partition === name);
  expect(found).toBeDefined();
  return found as PartitionRecord;
}

/** The part of the contract that is about workers, partitions and attempts. */
export function workersContract(open: OpenStore): void {
  const opened = () => prepared(open);
  test("prepare creates each partition once, also for machines that come later", async () => {
    const { store, other } = await opened();
    await Promise.all([store.prepare(["m", "n"]), other.prepare(["n", "m"])]);
    const partitions = await store.partitions();
    expect(partitions.length).toBe(2 * limits.partitionsOfMachine);
    expect(await partitionNamed(store, "n/31")).toEqual({
      ...{ partition: "n/31", machine: "n", worker: null, epoch: 0, mark: null, expired: null },
    });
    await store.assign(await partitionNamed(store), "w");
    await store.prepare(["m"]);
    expect((await partitionNamed(store)).worker).toBe("w");
  });

  test("of those who take a partition at the same time, one gets it", async () => {
    const { store, other } = await opened();
    const found = await partitionNamed(store);
    const epochs = await Promise.all(
      ["a", "b", "c", "d"].map((worker, index) =>
        (index % 2 === 0 ? store : other).assign(found, worker),
      ),
    );
    expect(epochs.filter((epoch) => epoch === 1).length).toBe(1);
    expect(epochs.filter((epoch) => epoch === null).length).toBe(3);
    const taken = await partitionNamed(store);
    expect(taken.epoch).toBe(1);
    expect(await store.assign(found, "e")).toBeNull();
    expect(await store.assign(taken, null)).toBe(2);
    expect((await partitionNamed(store)).worker).toBeNull();
  });

  test("an assignment whose answer is lost is read back", async () => {
    const { store, loseAnswerOf } = await opened();
    loseAnswerOf("engine-partition");
    expect(await store.assign(await partitionNamed(store), "w")).toBe(1);
  });

  test("only the epoch of the owner saves the mark", async () => {
    const { store } = await opened();
    await store.assign(await partitionNamed(store), "w");
    await store.saveMarks("m/0", 1, { mark: "17" });
    await store.saveMarks("m/0", 1, { expired: "5" });
    await store.saveMarks("m/0", 0, { mark: "18" });
    expect(await partitionNamed(store)).toMatchObject({ mark: "17", expired: "5" });
  });

  test("workers are registered once, and listed with their leases", async () => {
    const { store, other, expireLeases } = await opened();
    const before = await store.nowMs();
    expect(await store.register(workerOf("w"), 5_000)).toBe(true);
    expect(await store.register(workerOf("w"), 5_000)).toBe(true);
    expect(await other.register(workerOf("w", 2), 5_000)).toBe(false);
    expect(await other.renew(workerOf("v"), 5_000)).toBe(false);
    const [found, ...rest] = await store.workers();
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ ...workerOf("w"), isExpired: false });
    expect(found?.expiresAtMs).toBeGreaterThanOrEqual(before + 5_000);
    expect(await store.renew({ ...workerOf("w"), machines: ["m@2.0.0"] }, 50_000)).toBe(true);
    const [renewed] = await store.workers();
    expect(renewed?.machines).toEqual(["m@2.0.0"]);
    expect(renewed?.expiresAtMs).toBeGreaterThanOrEqual(before + 50_000);
    expect(await store.renew(workerOf("w"), 1)).toBe(true);
    await expireLeases(1);
    expect((await other.workers())[0]?.isExpired).toBe(true);
  });

  test("attempts of work never go back, and are removed", async () => {
    const { store, other } = await opened();
    const attempt = (number: number, failures: number) => ({
      ...{ work: "a/0/0", attempt: number, failures, lastError: "$why", nextAtMs: null },
    });
    await store.saveAttempt(attempt(2, 1));
    await other.saveAttempt(attempt(1, 0));
    await other.saveAttempt(attempt(2, 0));
    expect(await store.attempts(["a/0/0", "b/0/0"])).toEqual([attempt(2, 1)]);
    await store.saveAttempt({ ...attempt(2, 2), nextAtMs: 7 });
    expect(await other.attempts(["a/0/0"])).toEqual([{ ...attempt(2, 2), nextAtMs: 7 }]);
    await store.removeAttempts(["a/0/0"]);
    await store.removeAttempts([]);
    expect(await other.attempts(["a/0/0"])).toEqual([]);
  });
}
