import { expect, test } from "vitest";
import { isLockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import {
  type AnyStore,
  appended,
  duplicate,
  entryOf,
  type OpenStore,
  prepared,
  revisionTaken,
  taskOf,
  timerAt,
  undone,
  workerOf,
} from "./store-under-test.ts";

/** The part of the contract that is about entries and transactions. */
export function appendContract(open: OpenStore): void {
  const opened = () => prepared(open);
  test("an entry comes back as it was appended, with all of its fields", async () => {
    const { store, other } = await opened();
    const whole = entryOf("a", 0, {
      ...{ eventKey: "k", reason: { code: "c", message: "m" }, emitted: "[]", tags: ["t", "u"] },
      ...{ timers: [timerAt(5)], work: [taskOf("a")], status: "error", outcome: "rejected" },
      ...{ event: "$event\u0000", state: '{"a.b":{"$c":"d"}}' },
    });
    expect(await store.append([whole])).toEqual([appended]);
    const bare = entryOf("a", 1, { snapshot: null });
    expect(await store.append([bare])).toEqual([appended]);
    expect(await other.entryOf("a", 0)).toStrictEqual(whole);
    expect(await other.byKey("a", "k")).toStrictEqual(whole);
    expect(await other.tail("a")).toStrictEqual(bare);
    const past = [whole, bare].map(({ snapshot: _, ...rest }) => rest);
    expect(await other.entries("a", 0, 10)).toStrictEqual(past);
    expect(await other.entries("a", 1, 10)).toStrictEqual(past.slice(1));
    expect(await other.entries("a", 0, 1)).toStrictEqual(past.slice(0, 1));
  });

  test("nothing is found of an unknown actor, revision or key", async () => {
    const { store } = await opened();
    await store.append([entryOf("a", 0, { eventKey: "k" }), entryOf("ab", 0)]);
    expect(await store.tail("")).toBeUndefined();
    expect(await store.tail("a/")).toBeUndefined();
    expect(await store.entryOf("a", 1)).toBeUndefined();
    expect(await store.byKey("a", "other")).toBeUndefined();
    expect(await store.byKey("ab", "k")).toBeUndefined();
    expect(await store.entries("b", 0, 10)).toEqual([]);
    expect(await store.tails([])).toEqual({ tails: [], left: [] });
    expect(await store.tails(["b", "c"])).toEqual({ tails: [], left: [] });
    expect(await store.append([])).toEqual([]);
  });

  test("an entry whose revision is taken is refused, and the first one stays", async () => {
    const { store, other } = await opened();
    const first = entryOf("a", 0);
    expect(await store.append([first])).toEqual([appended]);
    // Equal in everything that an application knows: two processes took the same event at the same moment.
    expect(await other.append([{ ...first, nonce: "another" }])).toEqual([revisionTaken]);
    expect(await other.tail("a")).toStrictEqual(first);
  });

  test("an entry that is there already is appended, however often it is repeated", async () => {
    const { store, other } = await opened();
    const first = entryOf("a", 0, { eventKey: "k" });
    await store.append([first]);
    expect(await other.append([first, entryOf("b", 0)])).toEqual([appended, appended]);
    await store.append([entryOf("a", 1)]);
    expect(await other.append([first])).toEqual([appended]);
    expect((await store.entries("a", 0, 10)).length).toBe(2);
  });

  test("an event's key counts once an actor", async () => {
    const { store } = await opened();
    await store.append([entryOf("a", 0, { eventKey: "k" })]);
    expect(await store.append([entryOf("a", 1, { eventKey: "k" })])).toEqual([duplicate]);
    expect(await store.append([entryOf("b", 0, { eventKey: "k" })])).toEqual([appended]);
    expect(await store.append([entryOf("a", 1), entryOf("b", 1)])).toEqual([appended, appended]);
  });

  test("a repeated event is a duplicate also where another entry has its revision", async () => {
    const { store } = await opened();
    await store.register(workerOf("w"), 60_000);
    await store.append([entryOf("a", 0, { eventKey: "k" })]);
    await store.append([entryOf("a", 1)]);
    expect(await store.append([entryOf("a", 1, { eventKey: "k" })])).toEqual([duplicate]);
    const fence = { worker: "w", epoch: 1 };
    expect(await store.append([entryOf("a", 1, { eventKey: "k" })], { fence })).toEqual([
      duplicate,
    ]);
    expect(await store.append([entryOf("a", 1, { eventKey: "other" })])).toEqual([revisionTaken]);
  });

  test("each entry of an append counts by itself", async () => {
    const { store } = await opened();
    await store.append([entryOf("a", 0), entryOf("b", 0, { eventKey: "k" })]);
    const group = [entryOf("c", 0), entryOf("a", 0), entryOf("b", 1, { eventKey: "k" })];
    expect(await store.append([...group, entryOf("d", 0)])).toEqual([
      ...[appended, revisionTaken, duplicate, appended],
    ]);
    const { tails, left } = await store.tails(["d", "c", "a", "unknown", "b", "c"]);
    expect(tails.map(({ actor }) => actor).toSorted()).toEqual(["a", "b", "c", "d"]);
    expect(tails.map(({ revision }) => revision)).toEqual([0, 0, 0, 0]);
    expect(left).toEqual([]);
  });

  test("at most one entry an actor in an append", async () => {
    const { store } = await opened();
    await expect(store.append([entryOf("a", 0), entryOf("a", 1)])).rejects.toSatisfy((error) =>
      isLockstepError(error, "invariant-broken"),
    );
    expect(await store.tail("a")).toBeUndefined();
  });

  test("the tails of more actors than one query reads", async () => {
    const { store } = await opened();
    const actors = Array.from({ length: 250 }, (_, number) => `actor-${number}`);
    for (const revision of [0, 1]) {
      await store.append(actors.map((actor) => entryOf(actor, revision)));
    }
    const { tails } = await store.tails(actors);
    expect(tails.map(({ actor }) => actor).toSorted()).toEqual(actors.toSorted());
    expect(tails.every(({ revision }) => revision === 1)).toBe(true);
  });

  test("a known revision changes the way to a tail, and never the tail", async () => {
    const { store } = await opened();
    const lengths = { exact: 3, stale: 6, far: 260, shorter: 2 };
    const all = Object.entries(lengths);
    for (let revision = 0; revision < lengths.far; revision += 1) {
      const actors = all.filter(([, length]) => revision < length).map(([actor]) => actor);
      await store.append(actors.map((actor) => entryOf(actor, revision)));
    }
    const known = new Map([
      ...[["exact", 2] as const, ["stale", 3] as const, ["far", 0] as const],
      // An earlier life of the actor was longer.
      ...[["shorter", 9] as const, ["unknown", 1] as const],
    ]);
    const { tails, left } = await store.tails([...known.keys(), "nobody"], known);
    expect(left).toEqual([]);
    const found = tails.map(({ actor, revision }) => [actor, revision] as const);
    expect(Object.fromEntries(found)).toEqual({ exact: 2, stale: 5, far: 259, shorter: 1 });
    expect(tails).toHaveLength(all.length);
  });

  test("a page of large entries or tails ends early, and the next one goes on", async () => {
    const { store } = await opened();
    const large = "x".repeat(limits.pageLengthMax * 0.4);
    const actors = ["a", "b", "c", "d"];
    for (const actor of actors) {
      await store.append([entryOf(actor, 0, { snapshot: large })]);
    }
    for (const revision of [1, 2, 3, 4]) {
      await store.append([entryOf("e", revision - 1, { event: large })]);
    }
    for (const known of [new Map(), new Map(actors.map((actor) => [actor, 0]))]) {
      const first = await store.tails([...actors, "unknown"], known);
      expect(first.tails).toHaveLength(3);
      const second = await store.tails(first.left, known);
      const found = [...first.tails, ...second.tails].map(({ actor }) => actor);
      expect(found.toSorted()).toEqual(actors);
      expect(second.left).toEqual([]);
    }
    const revisions = async (from: number) =>
      (await store.entries("e", from, 10)).map(({ revision }) => revision);
    expect(await revisions(0)).toEqual([0, 1, 2]);
    expect(await revisions(3)).toEqual([3]);
    // Their snapshots do not count: nobody sees them.
    expect(await store.entries("a", 0, 10)).toMatchObject([{ revision: 0 }]);
  });

  test("an append whose answer is lost is read back", async () => {
    const { store, loseAnswerOf } = await opened();
    await store.append([entryOf("a", 0)]);
    loseAnswerOf("engine-journal");
    const lost = [entryOf("a", 1), entryOf("b", 0), entryOf("a", 0, { actor: "c", eventKey: "k" })];
    expect(await store.append(lost)).toEqual([appended, appended, appended]);
    loseAnswerOf("engine-journal");
    const mixed = [entryOf("a", 1), entryOf("b", 1), entryOf("c", 1, { eventKey: "k" })];
    expect(await store.append(mixed)).toEqual([revisionTaken, appended, duplicate]);
    expect(await store.tail("a")).toStrictEqual(lost[0]);
  });

  test("with a fence, all entries are appended or none", async () => {
    const { store } = await opened();
    expect(await store.register(workerOf("w"), 60_000)).toBe(true);
    const fence = { worker: "w", epoch: 1 };
    expect(await store.append([entryOf("a", 0), entryOf("b", 0)], { fence })).toEqual([
      ...[appended, appended],
    ]);
    const group = [entryOf("a", 1), entryOf("b", 0), entryOf("c", 0)];
    expect(await store.append(group, { fence })).toEqual([undone, revisionTaken, undone]);
    expect(await store.tail("c")).toBeUndefined();
    expect((await store.tail("a"))?.revision).toBe(0);
    await store.append([entryOf("a", 1, { eventKey: "k" })]);
    const again = [entryOf("d", 0), entryOf("a", 2, { eventKey: "k" })];
    expect(await store.append(again, { fence })).toEqual([undone, duplicate]);
    expect(await store.append([entryOf("c", 0)], { fence })).toEqual([appended]);
  });

  test("a fenced append whose answer is lost is read back, and can be repeated", async () => {
    const { store, loseAnswerOf } = await opened();
    await store.register(workerOf("w"), 60_000);
    const fence = { worker: "w", epoch: 1 };
    const group = [entryOf("a", 0), entryOf("b", 0)];
    loseAnswerOf("engine-journal");
    expect(await store.append(group, { fence })).toEqual([appended, appended]);
    expect(await store.append(group, { fence })).toEqual([appended, appended]);
    expect((await store.entries("a", 0, 10)).length).toBe(1);
  });

  test("many fenced appends of one worker at once all take effect", async () => {
    const { store } = await opened();
    await store.register(workerOf("w"), 60_000);
    const fence = { worker: "w", epoch: 1 };
    const actors = Array.from({ length: 12 }, (_, number) => `a${number}`);
    const results = await Promise.all(
      actors.map((actor) => store.append([entryOf(actor, 0)], { fence })),
    );
    expect(results.flat()).toEqual(actors.map(() => appended));
  });

  test("transactions of one worker that are open together do not meet at its fence", async () => {
    const { store } = await opened();
    await store.register(workerOf("w"), 60_000);
    const fence = { worker: "w", epoch: 1 };
    const actors = ["a", "b", "c"];
    let begun = 0;
    let all = () => {};
    const allOpen = new Promise<void>((resolve) => {
      all = resolve;
    });
    await Promise.all(
      actors.map((actor) =>
        store.transact(async (session) => {
          begun += 1;
          expect(await store.append([entryOf(actor, 0)], { session, fence })).toEqual([appended]);
          if (begun === actors.length) all();
          await allOpen;
        }),
      ),
    );
    expect(begun).toBe(actors.length);
    expect((await store.tails(actors)).tails).toHaveLength(actors.length);
  });

  test("a worker that is fenced out appends nothing more, and renews nothing", async () => {
    const { store, other, expireLeases } = await opened();
    await store.register(workerOf("w"), 200);
    const fence = { worker: "w", epoch: 1 };
    await store.append([entryOf("a", 0)], { fence });
    await store.renew(workerOf("w"), 60_000);
    expect(await other.fenceOut("w", 1)).toBe(false);
    expect(await store.append([entryOf("a", 1)], { fence })).toEqual([appended]);

    await store.renew(workerOf("w"), 200);
    await expireLeases(200);
    expect(await other.fenceOut("w", 1)).toBe(true);
    expect(await other.fenceOut("w", 1)).toBe(true);
    // The second of them needs a session that this worker has not had before.
    const late = [entryOf("c", 0), entryOf("a", 2)];
    const answers = await Promise.allSettled(late.map((entry) => store.append([entry], { fence })));
    expect(answers).toMatchObject(late.map(() => ({ reason: { code: "fenced" } })));
    expect((await store.tail("a"))?.revision).toBe(1);
    expect(await store.renew(workerOf("w"), 60_000)).toBe(false);
    expect(await store.register(workerOf("w"), 60_000)).toBe(false);

    await other.removeWorker("w");
    expect(await store.renew(workerOf("w"), 60_000)).toBe(false);
    await expect(store.append([entryOf("b", 0)], { fence })).rejects.toMatchObject({
      code: "fenced",
    });
    expect(await other.fenceOut("w", 1)).toBe(true);
    expect(await store.workers()).toEqual([]);
  });

  test("a transaction commits entries, the fence and a business write together", async () => {
    const { store, writeBusiness, business } = await opened();
    await store.register(workerOf("w"), 60_000);
    const fence = { worker: "w", epoch: 1 };
    await store.append([entryOf("a", 0)]);
    const told = await store.transact(async (session) => {
      const tail = await store.tail("a", session);
      const revision = (tail?.revision ?? -1) + 1;
      await store.append([entryOf("a", revision, { eventKey: "k" })], { session, fence });
      expect((await store.tail("a", session))?.revision).toBe(revision);
      expect((await store.entryOf("a", revision, session))?.eventKey).toBe("k");
      expect((await store.entryOf("a", 0, session))?.revision).toBe(0);
      expect((await store.tail("a"))?.revision).toBe(0);
      await writeBusiness(session, "paid");
      return revision;
    });
    expect(told).toBe(1);
    expect((await store.tail("a"))?.revision).toBe(1);
    expect(await business()).toEqual(["paid"]);
  });

  test("a session without a transaction is refused, and nothing is appended", async () => {
    const { store } = await opened();
    let session: unknown;
    await store.transact(async (open) => {
      session = open;
    });
    for (const call of [
      () => store.append([entryOf("a", 0)], { session }),
      () => store.tail("a", session),
      () => store.entryOf("a", 0, session),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "bad-argument" });
    }
    expect(await store.tail("a")).toBeUndefined();
  });

  test("a transaction that throws leaves nothing", async () => {
    const { store, writeBusiness, business } = await opened();
    const failing = store.transact(async (session) => {
      await store.append([entryOf("a", 0)], { session });
      await writeBusiness(session, "paid");
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await store.tail("a")).toBeUndefined();
    expect(await business()).toEqual([]);
    expect(await store.append([entryOf("a", 0)])).toEqual([appended]);
  });

  test("a refused entry ends the caller's transaction, and says why", async () => {
    const { store, writeBusiness, business } = await opened();
    await store.append([entryOf("a", 0, { eventKey: "k" })]);
    for (const [entry, code] of [
      [entryOf("a", 0), "conflict"],
      [entryOf("a", 1, { eventKey: "k" }), "duplicate"],
    ] as const) {
      const refused = store.transact(async (session) => {
        await writeBusiness(session, "paid");
        await store.append([entry], { session });
      });
      await expect(refused).rejects.toMatchObject({ code });
    }
    expect(await business()).toEqual([]);
    expect((await store.entries("a", 0, 10)).length).toBe(1);
  });

  test("a key that the same transaction has used is a duplicate", async () => {
    const { store } = await opened();
    const twice = store.transact(async (session) => {
      await store.append([entryOf("a", 0, { eventKey: "k" })], { session });
      await store.append([entryOf("a", 1, { eventKey: "k" })], { session });
    });
    await expect(twice).rejects.toMatchObject({ code: "duplicate" });
    expect(await store.tail("a")).toBeUndefined();
  });

  test("a transaction at a raised fence is refused", async () => {
    const { store, writeBusiness, business } = await opened();
    const fence = { worker: "w", epoch: 1 };
    const refused = store.transact(async (session) => {
      await writeBusiness(session, "paid");
      await store.append([entryOf("a", 0)], { session, fence });
    });
    await expect(refused).rejects.toMatchObject({ code: "fenced" });
    expect(await business()).toEqual([]);
    expect(await store.tail("a")).toBeUndefined();
  });

  test("two transactions that take the same revision: one is tried again, and sees the other", async () => {
    const { store, other } = await opened();
    await store.append([entryOf("a", 0)]);
    const add = (through: AnyStore) =>
      through.transact(async (session) => {
        const revision = ((await through.tail("a", session))?.revision ?? -1) + 1;
        await through.append([entryOf("a", revision)], { session });
        return revision;
      });
    const again = async (through: AnyStore): Promise<number> => {
      try {
        return await add(through);
      } catch (error) {
        // The other one committed between this one's look and its write.
        expect(error).toMatchObject({ code: "conflict" });
        return add(through);
      }
    };
    const revisions = await Promise.all([again(store), again(other)]);
    expect(revisions.toSorted()).toEqual([1, 2]);
  });

  test("a commit whose answer is lost counts once", async () => {
    const { store, writeBusiness, business, loseAnswerOf } = await opened();
    loseAnswerOf("engine-transaction");
    await store.transact(async (session) => {
      await store.append([entryOf("a", 0)], { session });
      await writeBusiness(session, "paid");
    });
    expect((await store.entries("a", 0, 10)).length).toBe(1);
    expect(await business()).toEqual(["paid"]);
  });
}
