import { expect, test } from "vitest";
import { type ActorRow, type Entry, lifeOf, rowOf } from "../../../src/engine/journal/entry.ts";
import { limits } from "../../../src/limits.ts";
import { until } from "../../support/until.ts";
import {
  type AnyStore,
  appended,
  entryOf,
  type OpenStore,
  prepared,
  revisionTaken,
  storedRow,
  taskOf,
  timerAt,
  workerOf,
} from "./store-under-test.ts";

/** All that a sweep tells, page by page. */
async function sweepAll(store: AnyStore, partition: string, mark: string | null) {
  const heads = new Map<string, number>();
  let saved = mark;
  let pages = 0;
  for (let from: string | null = mark, isFirst = true; isFirst || from !== null; isFirst = false) {
    const page = await store.sweep(partition, from);
    pages += 1;
    for (const { actor, revision } of page.heads) {
      heads.set(actor, Math.max(revision, heads.get(actor) ?? 0));
    }
    saved = page.mark;
    from = page.next;
  }
  return { heads: Object.fromEntries(heads), mark: saved, pages };
}

/** The part of the contract that is about sweeps, rows and retention. */
export function rowsContract(open: OpenStore): void {
  const opened = () => prepared(open);
  test("a sweep finds the latest head of each actor of its partition", async () => {
    const { store } = await opened();
    expect(await store.sweep("m/0", null)).toEqual({ heads: [], mark: null, next: null });
    const due = entryOf("a", 1, { timers: [timerAt(70), timerAt(50)], tags: ["t"] });
    for (const entry of [entryOf("a", 0), due, entryOf("b", 0), entryOf("c", 0)]) {
      const partition = entry.actor === "c" ? "m/1" : "m/0";
      await store.append([{ ...entry, partition }]);
    }
    const { heads } = await store.sweep("m/0", null);
    const byActor = heads.toSorted((left, right) => (left.actor < right.actor ? -1 : 1));
    expect(byActor).toMatchObject([{ actor: "a", revision: 1 }, { actor: "b" }]);
    expect(byActor[0]).toStrictEqual(rowOf(due));
    expect(byActor[0]?.dueAtMs).toBe(50);
    expect((await sweepAll(store, "m/1", null)).heads).toEqual({ c: 0 });
  });

  test("sweeps that go on from their marks miss nothing, also of what was appended meanwhile", async () => {
    const { store, other } = await opened();
    const seen = new Map<string, number>();
    let mark: string | null = null;
    let sent = 0;
    await other.register(workerOf("w"), 60_000);
    const sending = (async () => {
      for (; sent < 40; sent += 1) {
        const options = sent % 2 === 0 ? {} : { fence: { worker: "w", epoch: 1 } };
        await other.append([entryOf(`a${sent % 7}`, Math.floor(sent / 7))], options);
      }
    })();
    const look = async () => {
      const { heads, mark: next } = await sweepAll(store, "m/0", mark);
      for (const [actor, revision] of Object.entries(heads)) {
        seen.set(actor, Math.max(revision, seen.get(actor) ?? 0));
      }
      mark = next;
    };
    await until("all is sent", async () => {
      await look();
      return sent === 40;
    });
    await sending;
    await look();
    expect(Object.fromEntries(seen)).toEqual({
      ...{ a0: 5, a1: 5, a2: 5, a3: 5, a4: 5, a5: 4, a6: 4 },
    });
  });

  test("a sweep of more entries than one page", async () => {
    const { store } = await opened();
    const count = limits.engineSweepEntriesMax + 5;
    for (let at = 0; at < count; at += 1_000) {
      const length = Math.min(1_000, count - at);
      await store.append(Array.from({ length }, (_, number) => entryOf(`a${at + number}`, 0)));
    }
    const { heads, pages } = await sweepAll(store, "m/0", null);
    expect(Object.keys(heads).length).toBe(count);
    expect(pages).toBe(2);
  });

  test("a row never goes back to an earlier revision", async () => {
    const { store, other } = await opened();
    const row = (revision: number, state: string): ActorRow =>
      rowOf(entryOf("$a", revision, { state, timers: [timerAt(revision)] }));
    await store.saveRows([]);
    await store.saveRows([row(3, "$three"), rowOf(entryOf("b", 0))]);
    await other.saveRows([row(2, "two"), rowOf(entryOf("b", 1))]);
    expect(await storedRow(store, "$a")).toStrictEqual(row(3, "$three"));
    expect((await storedRow(store, "b"))?.revision).toBe(1);
    await Promise.all([4, 7, 5, 6].map((revision) => other.saveRows([row(revision, "later")])));
    expect(await storedRow(store, "$a")).toStrictEqual(row(7, "later"));
    // A deadline that is gone leaves the list of what is due.
    await store.saveRows([rowOf(entryOf("$a", 8))]);
    expect((await storedRow(store, "$a"))?.dueAtMs).toBeNull();
    expect(await store.due("m/0", 1_000, 10)).toEqual([]);
    expect(await storedRow(store, "c")).toBeUndefined();
  });

  test("what is due comes in its order, page by page", async () => {
    const { store } = await opened();
    const dues: Readonly<Record<string, number>> = {
      a: 30,
      b: 10,
      c: 10,
      d: 20,
      e: 0,
      f: 0,
      g: 31,
    };
    await store.saveRows([
      ...Object.entries(dues).map(([actor, dueAtMs]) =>
        rowOf(
          entryOf(
            actor,
            0,
            dueAtMs === 0 ? { work: [taskOf(actor)] } : { timers: [timerAt(dueAtMs)] },
          ),
        ),
      ),
      rowOf(entryOf("idle", 0)),
      rowOf(entryOf("elsewhere", 0, { partition: "m/1", timers: [timerAt(1)] })),
    ]);
    const order = ["e", "f", "b", "c", "d", "a"];
    const all = await store.due("m/0", 30, 100);
    expect(all.map(({ actor }) => actor)).toEqual(order);
    const paged: string[] = [];
    let page = await store.due("m/0", 30, 2);
    for (; page.length > 0; page = await store.due("m/0", 30, 2, page.at(-1))) {
      paged.push(...page.map(({ actor }) => actor));
    }
    expect(paged).toEqual(order);
    expect((await store.due("m/0", 9, 1)).map(({ actor }) => actor)).toEqual(["e"]);
  });

  test("rows are found by machine, state, tag, status and time, page by page", async () => {
    const { store } = await opened();
    const row = (actor: string, extra: Partial<Entry>) => rowOf(entryOf(actor, 0, extra));
    await store.saveRows([
      row("a", { state: "s", tags: ["t", "u"], sinceMs: 5 }),
      row("b", { state: "s", status: "done", sinceMs: 6 }),
      row("c", { state: "r", tags: ["u"], sinceMs: 7 }),
      row("d", { state: "s", machine: "n", tags: ["t"], sinceMs: 8 }),
    ]);
    const actors = async (query: Parameters<AnyStore["rows"]>[0]) =>
      (await store.rows(query)).map(({ actor }) => actor).join("");
    expect(await actors({ limit: 10 })).toBe("abcd");
    expect(await actors({ limit: 10, status: "active" })).toBe("acd");
    expect(await actors({ limit: 10, machine: "m" })).toBe("abc");
    expect(await actors({ limit: 10, machine: "m", state: "s" })).toBe("ab");
    expect(await actors({ limit: 10, machine: "m", state: "s", status: "done" })).toBe("b");
    expect(await actors({ limit: 10, machine: "m", tag: "u" })).toBe("ac");
    expect(await actors({ limit: 10, machine: "m", tag: "u", state: "s" })).toBe("a");
    expect(await actors({ limit: 10, tag: "t" })).toBe("ad");
    expect(await actors({ limit: 10, machine: "m", sinceMsMax: 6 })).toBe("ab");
    expect(await actors({ limit: 2, machine: "m" })).toBe("ab");
    expect(await actors({ limit: 2, machine: "m", after: "b" })).toBe("c");
    expect(await actors({ limit: 10, after: "d" })).toBe("");
  });

  test("compaction clears superseded snapshots alone", async () => {
    const { store } = await opened();
    for (let revision = 0; revision < 4; revision += 1) {
      await store.append([entryOf("a", revision), entryOf("b", revision)]);
    }
    const superseded = [
      { actor: "a", startedAtMs: 1_000, from: 0, below: 2 },
      { actor: "b", startedAtMs: 1_000, from: 1, below: 3 },
    ];
    await store.compact([]);
    for (let time = 0; time < 2; time += 1) await store.compact(superseded);
    const snapshots = (actor: string) =>
      Promise.all(
        [0, 1, 2, 3].map(async (at) => (await store.entryOf(actor, at))?.snapshot !== null),
      );
    expect(await snapshots("a")).toEqual([false, false, true, true]);
    expect(await snapshots("b")).toEqual([true, false, false, true]);
    // A late call is about an earlier life of the actor.
    await store.compact([{ actor: "a", startedAtMs: 900, from: 0, below: 3 }]);
    expect(await snapshots("a")).toEqual([false, false, true, true]);
  });

  test("history goes once it was replaced long ago, page by page, and with it its keys", async () => {
    const { store } = await opened();
    for (let revision = 0; revision < 6; revision += 1) {
      await store.append([entryOf("a", revision, { eventKey: `k${revision}` })]);
    }
    const laterMs = (await store.nowMs()) + 10_000;
    const revisions = async () =>
      (await store.entries("a", 0, 10)).map(({ revision }) => revision).join("");
    expect(await store.expireHistory("m/0", null, laterMs - 60_000, 10)).toBeNull();
    expect(await store.expireHistory("m/1", null, laterMs, 10)).toBeNull();
    expect(await revisions()).toBe("012345");
    const first = await store.expireHistory("m/0", null, laterMs, 4);
    // The first entry keeps its place: another start of the actor has to find it.
    expect(await revisions()).toBe("0345");
    expect(await store.expireHistory("m/0", null, laterMs, 4)).not.toBeNull();
    const second = await store.expireHistory("m/0", first, laterMs, 4);
    expect(await revisions()).toBe("05");
    expect(await store.expireHistory("m/0", second, laterMs, 4)).toBeNull();
    expect(await store.append([entryOf("a", 0)])).toEqual([revisionTaken]);
    expect(await store.byKey("a", "k1")).toBeUndefined();
    expect((await store.byKey("a", "k5"))?.revision).toBe(5);
    expect(await store.append([entryOf("a", 6, { eventKey: "k1" })])).toEqual([appended]);
    expect(await store.expireHistory("m/0", second, laterMs, 4)).not.toBeNull();
    expect(await revisions()).toBe("06");
  });

  test("the key of a caller's event can stay longer than its entry", async () => {
    const { store } = await opened();
    const keys = [undefined, "caller:a", "timer:b", "caller:c", undefined];
    for (const [revision, eventKey] of keys.entries()) {
      const atMs = await store.nowMs();
      await store.append([entryOf("a", revision, { atMs, ...(eventKey && { eventKey }) })]);
    }
    const laterMs = (await store.nowMs()) + 10_000;
    const keysMs = 3_600_000;
    for (let time = 0; time < 2; time += 1) {
      await store.expireHistory("m/0", null, laterMs, 10, keysMs);
      const kept = (await store.entries("a", 0, 10)).map(({ revision }) => revision);
      expect(kept).toEqual([0, 4]);
    }
    expect((await store.tail("a"))?.revision).toBe(4);
    const again = (eventKey: string) => store.append([entryOf("a", 5, { eventKey })]);
    expect(await again("caller:a")).toEqual([{ kind: "duplicate" }]);
    expect(await store.byKey("a", "caller:c")).toBeDefined();
    expect(await again("timer:b")).toEqual([appended]);
    expect((await store.sweep("m/0", null)).heads).toMatchObject([{ actor: "a", revision: 5 }]);
  });

  test("an actor that ended long ago goes as a whole, and one that moved on stays", async () => {
    const { store } = await opened();
    const ended = { status: "done", atMs: 5 } as const;
    const last = ["a", "b", "c"].map((actor) => entryOf(actor, 1, ended));
    await store.append(["a", "b", "c"].map((actor) => entryOf(actor, 0, { atMs: 4 })));
    await store.append(last);
    await store.saveRows([...last.map(rowOf), rowOf(entryOf("lost", 3, ended))]);
    await store.append([entryOf("b", 2)]);
    const attempt = { attempt: 1, failures: 0, lastError: "", nextAtMs: null };
    const works = ["a", "b", "a/m0", "a/rs"].map((actor) => `${lifeOf(actor, 1_000)}1/0`);
    const otherLife = `${lifeOf("a", 1_001)}1/0`;
    for (const work of [...works, otherLife]) await store.saveAttempt({ work, ...attempt });
    expect(await store.expireEnded("m/0", 5, 10)).toBe(0);
    expect(await store.attempts(works)).toHaveLength(4);
    // The first entry of an actor and its last one go together.
    expect(await store.expireEnded("m/0", 6, 3)).toBe(4);
    expect(await store.expireEnded("m/0", 6, 3)).toBe(0);
    expect(await store.tail("a")).toBeUndefined();
    expect(await store.tail("c")).toBeUndefined();
    expect((await store.entries("b", 0, 10)).length).toBe(3);
    expect((await store.rows({ limit: 10 })).map(({ actor }) => actor)).toEqual(["b"]);
    expect(await store.append([entryOf("a", 0)])).toEqual([appended]);
    const left = await store.attempts([...works, otherLife]);
    expect(left.map(({ work }) => work).toSorted()).toEqual(
      [...works.slice(1), otherLife].toSorted(),
    );
  });

  test("a long actor that ended keeps its first and its last entry until all others are gone", async () => {
    const { store } = await opened();
    for (let revision = 0; revision < 5; revision += 1)
      await store.append([entryOf("a", revision)]);
    const last = entryOf("a", 5, { status: "done", atMs: 5 });
    const owing = entryOf("b", 0, { status: "done", atMs: 5, work: [taskOf("b")] });
    await store.append([last, owing]);
    await store.saveRows([rowOf(last), rowOf(owing)]);
    const revisions = async (actor: string) =>
      (await store.entries(actor, 0, 10)).map(({ revision }) => revision);
    expect(await store.expireEnded("m/0", 6, 3)).toBe(3);
    expect(await revisions("a")).toEqual([0, 4, 5]);
    expect(await store.expireEnded("m/0", 6, 2)).toBe(3);
    expect(await storedRow(store, "a")).toBeUndefined();
    expect(await revisions("a")).toEqual([]);
    // Its actions still wait to be carried out.
    expect(await revisions("b")).toEqual([0]);
  });

  test("a second life of an id replaces the row of the first one, and nothing of it goes with the first one", async () => {
    const { store, other } = await opened();
    const ended = entryOf("a", 1, { status: "done", atMs: 5 });
    const startedAtMs = 2_000;
    await store.append([entryOf("a", 0)]);
    await store.append([ended]);
    await store.saveRows([rowOf(ended)]);
    expect(await store.expireEnded("m/0", 6, 10)).toBe(2);
    const second = [0, 1, 2].map((revision) => entryOf("a", revision, { startedAtMs }));
    for (const entry of second.slice(0, 2)) await store.append([entry]);
    // A worker that has not heard of the deletion writes the row again, and clears what it has known.
    await other.saveRows([rowOf(ended)]);
    await other.compact([{ actor: "a", startedAtMs: 1_000, from: 0, below: 9 }]);
    expect(await store.expireEnded("m/0", 6, 10)).toBe(0);
    for (const entry of second.slice(0, 2)) {
      expect(await store.entryOf("a", entry.revision)).toStrictEqual(entry);
    }
    const [first, , last] = second as [Entry, Entry, Entry];
    await store.append([last]);
    await store.saveRows([rowOf(first)]);
    expect(await storedRow(store, "a")).toStrictEqual(rowOf(first));
    await other.saveRows([rowOf(ended)]);
    expect(await storedRow(store, "a")).toStrictEqual(rowOf(first));
    expect((await sweepAll(store, "m/0", null)).heads).toEqual({ a: 2 });
  });

  test("a watch hints at each append, and says when it has begun", async () => {
    const { store, other } = await opened();
    const hints: unknown[] = [];
    const watch = store.watch({ onAppended: (hint) => hints.push(hint) });
    await until("the watch has begun", () => hints.includes(null));
    await other.register(workerOf("w"), 60_000);
    await other.append([entryOf("a", 0), entryOf("b", 0, { partition: "m/1" })]);
    await other.append([entryOf("a", 1)], { fence: { worker: "w", epoch: 1 } });
    await other.append([entryOf("a", 0)]);
    await until("all hints", () => hints.length >= 4);
    expect(hints.filter((hint) => hint !== null)).toEqual([
      { actor: "a", partition: "m/0", revision: 0 },
      { actor: "b", partition: "m/1", revision: 0 },
      { actor: "a", partition: "m/0", revision: 1 },
    ]);
    const mark = await store.mark("m/0");
    await until("the watch has passed a mark", () => mark !== null && watch.hasPassed(mark));
    watch.stop();
    await until("a watch that is stopped passes no mark", () => !watch.hasPassed(mark ?? ""));
  });
}
