import { collections, documentIds, type Plain, type Store } from "../../../src/journal/store.ts";
import type { LeaseDocument, LeaseStore } from "../../../src/leadership/lease.ts";

const lease = { collection: collections.leases, id: documentIds.master } as const;
const fence = { collection: collections.fences, id: documentIds.master } as const;

/** Lease and fence on a store, with the semantics of those on MongoDB: compare-and-set by its clock. */
export function createSimulatedLeases(store: Store): LeaseStore {
  const read = async () =>
    ((await store.get(lease.collection, lease.id)) ?? null) as LeaseDocument | null;
  const seed = async () => {
    const free = {
      ...{ holder: null, incarnation: 0, epoch: 0, nonce: "" },
      ...{ grantedAt: 0, expiresAt: 0, appName: "" },
    };
    await store.write([{ ...lease, expect: null, set: free }]);
    await store.write([{ ...fence, expect: null, set: { epoch: 0, sequence: 0 } }]);
  };
  return {
    freeInMs: async () => Math.max(0, ((await read())?.expiresAt ?? 0) - (await store.now())),
    async acquire({ holder, incarnation, nonce, appName, ttlMs }) {
      if ((await read()) === null) await seed();
      const [previous, now] = [await read(), await store.now()];
      if (previous === null || previous.expiresAt > now) return null;
      const granted: Record<string, Plain> = {
        ...{ holder, incarnation, nonce, appName, epoch: previous.epoch + 1 },
        ...{ grantedAt: now, expiresAt: now + ttlMs },
      };
      const expect = { epoch: previous.epoch, expiresAt: previous.expiresAt };
      if ((await store.write([{ ...lease, expect, set: granted }])) !== null) return null;
      return { granted: { ...previous, ...granted } as LeaseDocument, previous };
    },
    async renew(nonce, epoch, ttlMs) {
      const expiresAt = (await store.now()) + ttlMs;
      return (
        (await store.write([{ ...lease, expect: { nonce, epoch }, set: { expiresAt } }])) === null
      );
    },
    async release(nonce, epoch) {
      await store.write([{ ...lease, expect: { nonce, epoch }, set: { expiresAt: 0 } }]);
    },
    async raiseFence(epoch, holder) {
      const found = Number((await store.get(fence.collection, fence.id))?.["epoch"] ?? 0);
      if (found >= epoch) return found === epoch;
      const refused = await store.write([
        { ...fence, expect: { epoch: found }, set: { epoch, holder }, increment: { sequence: 1 } },
      ]);
      return refused === null;
    },
  };
}
