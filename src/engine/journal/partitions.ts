import { limits } from "../../limits.ts";
import type { PartitionRecord } from "./store.ts";

/** The partitions of these machines as they are before anybody owns them. Pure. */
export function partitionsOf(machines: readonly string[]): readonly PartitionRecord[] {
  return machines.flatMap((machine) =>
    Array.from({ length: limits.partitionsOfMachine }, (_, number) => ({
      ...{ partition: `${machine}/${number}`, machine, worker: null, epoch: 0 },
      ...{ mark: null, expired: null },
    })),
  );
}
