import { expect, onTestFinished, test } from "vitest";
import { isLockstepError } from "../../src/errors.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Write,
} from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";

/** The parts of a store under test. */
export interface StoreUnderTest {
  readonly store: Store;
  /** The same data through a new store, as after a restart. */
  reopen(): Promise<Store>;
  /** Puts documents there, whose ids are their numbers. */
  fill(collection: string, ids: readonly string[]): Promise<unknown>;
  /** The next write takes effect, and its answer is lost. */
  loseNextAnswer(): void;
}

/** An entry with what matters here; the rest is filler. */
function entry(actor: string, revision: number, extra: Partial<Entry> = {}): Entry {
  return {
    actor,
    revision,
    machine: "any",
    owner: { kind: "role", role: "master" },
    event: { type: "any" },
    outcome: "applied",
    snapshot: `{"revision":${revision}}`,
    state: "any",
    status: "active",
    timers: [],
    effects: [],
    epoch: 1,
    protocol: 1,
    at: 1_000 + revision,
    ...extra,
  };
}

const fence = (epoch: number): Write => ({
  collection: "fences",
  id: "master",
  expect: { epoch },
  increment: { sequence: 1 },
});
const seedFence: Write = {
  collection: "fences",
  id: "master",
  expect: null,
  set: { epoch: 1, sequence: 0 },
};

/** One suite for every store. */
export function storeContract(open: () => Promise<StoreUnderTest>): void {
  const opened = async () => {
    const under = await open();
    onTestFinished(() => under.store.close());
    return under;
  };

  test("a revision that is taken", async () => {
    const { store } = await opened();
    expect(await store.append([entry("a", 0)])).toEqual([{ kind: "appended" }]);
    const other = entry("a", 0, { snapshot: "{}", epoch: 2 });
    expect(await store.append([other])).toEqual([{ kind: "revision-taken" }]);
    expect((await store.tail("a"))?.epoch).toBe(1);
  });

  test("heads leave out what may be large, and the last tail is that of the last actor", async () => {
    const { store } = await opened();
    const reason = { code: "any", message: "m", details: {} };
    const effects = [{ id: "x/1/0/0", name: "copy", params: { large: "x" } }];
    const keyed = { state: "next", reason, eventKey: "effect:x/1/0/0", effects: [] };
    const entries = [entry("x/1", 0, { effects }), entry("x/1", 1, keyed), entry("x/2", 0)];
    for (const each of [...entries, entry("y", 0)]) await store.append([each]);
    const head = { actor: "x/1", status: "active", outcome: "applied", epoch: 1 };
    expect(await store.heads("x/1")).toEqual([
      { ...head, revision: 0, state: "any", at: 1_000, effects: [{ id: "x/1/0/0", name: "copy" }] },
      { ...head, ...keyed, revision: 1, at: 1_001 },
    ]);
    expect(await store.heads("z")).toEqual([]);
    expect(await store.lastTail("x/")).toMatchObject({ actor: "x/2", revision: 0 });
    expect(await store.lastTail("z")).toBeUndefined();
  });

  test("entries at places are those that are there", async () => {
    const { store } = await opened();
    for (const each of [entry("a", 0), entry("a", 1), entry("b", 0)]) await store.append([each]);
    const places = [
      ...[entry("a", 1), entry("b", 0)],
      ...[entry("a", 2), entry("b", 1), entry("c", 0)],
    ].map(({ actor, revision }) => ({ actor, revision }));
    const found = await store.entriesAt(places);
    expect(found.toSorted((one, other) => (one.actor < other.actor ? -1 : 1))).toEqual([
      entry("a", 1),
      entry("b", 0),
    ]);
    expect(await store.entriesAt([])).toEqual([]);
  });

  test("a list is whole, or refused: none is left out without a word", async () => {
    const { store, fill } = await opened();
    const ids = Array.from({ length: limits.listMax }, (_, number) => `d${100_000 + number}`);
    await fill("many", ids);
    expect((await store.list("many")).map(({ _id }) => _id)).toEqual(ids);
    await fill("many", ["one more"]);
    await expect(store.list("many")).rejects.toMatchObject({ code: "database-not-supported" });
    expect(await store.list("many", {}, { orderBy: "at", limit: 3 })).toHaveLength(3);
  });

  test("what is erased is gone, and erasing it again is a success", async () => {
    const { store, fill } = await opened();
    await fill("some", ["a", "b", "c"]);
    for (let round = 0; round < 2; round += 1) await store.erase("some", ["a", "c"], "a test");
    expect((await store.list("some")).map(({ _id }) => _id)).toEqual(["b"]);
    await store.erase("some", [], "a test");
    expect(await store.list("some")).toHaveLength(1);
  });

  test("an event's key counts once an actor, in the same write", async () => {
    const { store } = await opened();
    await store.append([entry("a", 0, { eventKey: "k" })]);
    expect(await store.append([entry("a", 1, { eventKey: "k" })])).toEqual([{ kind: "duplicate" }]);
    expect(await store.append([entry("b", 0, { eventKey: "k" })])).toEqual([{ kind: "appended" }]);
  });

  test("entries without a key do not collide", async () => {
    const { store } = await opened();
    await store.append([entry("a", 0)]);
    expect(await store.append([entry("a", 1)])).toEqual([{ kind: "appended" }]);
    expect((await store.entries("a")).map(({ revision }) => revision)).toEqual([0, 1]);
  });

  test("a batch: each entry succeeds or fails by itself", async () => {
    const { store } = await opened();
    await store.append([entry("a", 0)]);
    const results = await store.append([entry("a", 0, { epoch: 2 }), entry("b", 0)]);
    expect(results).toEqual([{ kind: "revision-taken" }, { kind: "appended" }]);
  });

  test("at most one entry an actor in a batch", async () => {
    const { store } = await opened();
    const both = (async () => store.append([entry("a", 0), entry("a", 1)]))();
    await expect(both).rejects.toSatisfy((error) => isLockstepError(error, "invariant-broken"));
    expect(await store.tail("a")).toBeUndefined();
  });

  test("append with writes is one transaction", async () => {
    const { store } = await opened();
    await store.write([seedFence]);
    const set: Write = { collection: "things", id: "t", expect: null, set: { value: { deep: 1 } } };
    expect(await store.append([entry("a", 0)], [fence(1), set])).toEqual([{ kind: "appended" }]);
    expect(await store.get("things", "t")).toEqual({ value: { deep: 1 } });
    const again = await store.append([entry("a", 1)], [fence(1), set]);
    expect(again).toEqual([{ kind: "refused", write: 1 }]);
    expect((await store.tail("a"))?.revision).toBe(0);
    expect((await store.get("fences", "master"))?.["sequence"]).toBe(1);
    const refused = await store.append([entry("a", 0, { epoch: 2 })], [fence(1)]);
    expect(refused).toEqual([{ kind: "revision-taken" }]);
    expect((await store.get("fences", "master"))?.["sequence"]).toBe(1);
  });

  test("a deposed owner's append takes no effect", async () => {
    const { store } = await opened();
    await store.write([seedFence]);
    await store.write([
      { collection: "fences", id: "master", expect: { epoch: 1 }, set: { epoch: 2 } },
    ]);
    const result = await store.append([entry("a", 0)], [fence(1)]);
    expect(result).toEqual([{ kind: "refused", write: 0 }]);
    expect(await store.tail("a")).toBeUndefined();
  });

  test("writes: dotted paths, increments, removal, expectations", async () => {
    const { store } = await opened();
    const target = { collection: "things", id: "t" };
    expect(await store.write([{ ...target, expect: null, set: { a: 1, b: { c: 2 } } }])).toBe(null);
    expect(await store.write([{ ...target, expect: null, set: { a: 9 } }])).toBe(0);
    const change: Write = {
      ...target,
      expect: { "b.c": 2 },
      set: { "b.d": 3 },
      increment: { a: 2 },
      remove: ["b.c"],
    };
    expect(await store.write([change])).toBe(null);
    expect(await store.get("things", "t")).toEqual({ a: 3, b: { d: 3 } });
    expect(await store.write([{ ...target, expect: {}, set: { a: 9 } }, change])).toBe(1);
    expect(await store.list("things")).toEqual([{ _id: "t", a: 3, b: { d: 3 } }]);
    await store.write([{ ...target, id: "s", expect: null, set: { a: null } }]);
    expect(await store.list("things", { a: null })).toEqual([{ _id: "s", a: null }]);
    expect(await store.list("things", { "b.d": 3 })).toMatchObject([{ _id: "t" }]);
  });

  test("an unknown outcome is read back, never assumed", async () => {
    const { store, loseNextAnswer } = await opened();
    await store.append([entry("a", 0)]);
    loseNextAnswer();
    expect(await store.append([entry("a", 1, { eventKey: "k" })])).toEqual([{ kind: "appended" }]);
    await store.write([seedFence]);
    loseNextAnswer();
    expect(await store.append([entry("a", 2)], [fence(1)])).toEqual([{ kind: "appended" }]);
    expect(await store.entries("a")).toHaveLength(3);
    expect((await store.get("fences", "master"))?.["sequence"]).toBe(1);
  });

  test("order, prefixes, and reading back after a restart", async () => {
    const { store, reopen } = await opened();
    const rich = entry("participant/a1/u1", 0, {
      timers: [{ id: "t", name: "deadline", event: { type: "late" }, dueAt: 5 }],
      effects: [{ id: "e", name: "act", params: { list: [1, { two: null }] } }],
    });
    await store.append([rich, entry("participant/a2/u1", 0), entry("upgrade/u1", 0)]);
    await store.append([entry("participant/a1/u1", 1, { eventKey: "k" })]);
    const again = await reopen();
    onTestFinished(() => again.close());
    expect(await again.entries("participant/a1/u1")).toEqual([
      rich,
      entry("participant/a1/u1", 1, { eventKey: "k" }),
    ]);
    expect((await again.entries("participant/a1/u1", 1)).map(({ revision }) => revision)).toEqual([
      1,
    ]);
    expect(
      (await again.entries("participant/a1/u1", 0, 1)).map(({ revision }) => revision),
    ).toEqual([0]);
    expect(await again.entries("participant/a1/u1", 0, 9)).toHaveLength(2);
    const tails = await again.tails("participant/");
    expect(tails.map(({ actor, revision }) => [actor, revision])).toEqual([
      ["participant/a1/u1", 1],
      ["participant/a2/u1", 0],
    ]);
    expect(await again.tails("")).toHaveLength(3);
    expect(await again.tail("nobody")).toBeUndefined();
  });

  test("a page of a list is ordered by its field; of a document too large to be read there is its size", async () => {
    const { store } = await open();
    const large = "x".repeat(limits.controlDocumentBytesMax + 1);
    for (const [id, set] of Object.entries({ a: { at: 3 }, b: { at: 1, large }, c: { at: 2 } })) {
      await store.write([{ collection: collections.inbox, id, expect: null, set }]);
    }
    const page = await store.list(collections.inbox, {}, { orderBy: "at", limit: 2 });
    expect(page.map(({ _id }) => _id)).toEqual(["b", "c"]);
    expect(page[0]).toMatchObject({ at: 1, oversizedBytes: expect.any(Number) });
    expect(page[0]).not.toHaveProperty("large");
    expect((await store.list(collections.inbox)).map(({ _id }) => _id)).toEqual(["a", "b", "c"]);
  });

  test("a watcher gets a hint", async () => {
    const { store } = await opened();
    await store.append([entry("a", 0)]);
    let revision = 1;
    await new Promise<void>((resolve, reject) => {
      const stop = store.watch(() => {
        stop();
        resolve();
      });
      // A stream that is still opening misses a change: go on changing until it tells one.
      const poke = async (): Promise<void> => {
        for (; revision < 2_000; revision += 1) await store.append([entry("a", revision)]);
      };
      poke().catch(reject);
    });
    expect(await store.tail("a")).toBeDefined();
    revision = 2_000;
  });

  test("a lease given up is a hint, a renewed one is none", async () => {
    const { store } = await opened();
    const lease = { collection: collections.leases, id: documentIds.master };
    await store.write([{ ...lease, expect: null, set: { expiresAt: 1 } }]);
    const told: string[] = [];
    let released = 0;
    await new Promise<void>((resolve, reject) => {
      const stop = store.watch((what) => {
        told.push(what);
        if (told.length < 3) return;
        stop();
        resolve();
      });
      const poke = async (): Promise<void> => {
        for (let count = 1; count < 2_000 && told.length < 3; count += 1) {
          await store.write([{ ...lease, expect: {}, set: { expiresAt: count } }]);
          released += 1;
          await store.write([{ ...lease, expect: {}, set: { expiresAt: 0 } }]);
        }
      };
      poke().catch(reject);
    });
    expect(new Set(told)).toEqual(new Set([collections.leases]));
    expect(told.length).toBeLessThanOrEqual(released);
  });
}
