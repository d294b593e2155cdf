// Aim: S11 and S4 for any interleaving: what was acknowledged is in the journal exactly once, and what
// is there is what the core makes of it. Method: random events, keys sent twice, answers lost, two
// engines on one store, the second taking over in the middle; on memory and on MongoDB.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { setup } from "xstate";
import { isLockstepError, LockstepError } from "../../src/errors.ts";
import { createEngine } from "../../src/fleet-engine/engine.ts";
import { type Definition, nextTransition } from "../../src/fleet-engine/transition.ts";
import { createMongoStore } from "../../src/journal/mongo-store.ts";
import type { Entry, Owner, Store } from "../../src/journal/store.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { freshDatabaseName, openClient } from "../support/database.ts";
import { eventKeyOf } from "../support/event-key-of.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { storeWith } from "../support/store-with.ts";

const machine = setup({
  types: { events: {} as { type: string }, context: {} as { seen: number } },
  actions: { count: () => {} },
  guards: {
    explode: () => {
      throw new Error("poison");
    },
  },
}).createMachine({
  id: "toy",
  context: { seen: 0 },
  initial: "left",
  states: {
    left: { on: { go: "right", poison: { guard: "explode", target: "end" } } },
    right: { on: { go: "left", end: "end" } },
    end: { type: "final" },
  },
});
const definition: Definition = { machine, protocol: 1 };
const owner: Owner = { kind: "role", role: "master" };
const actors = ["toy/1", "toy/2", "toy/3"];

interface Sent {
  readonly actor: number;
  readonly type: string;
  readonly key: number;
}
const sending = fc.record<Sent>({
  actor: fc.nat(actors.length - 1),
  type: fc.constantFrom("go", "go", "go", "end", "poison", "unknown"),
  key: fc.nat(12),
});

/** Loses the answers of the appends of these numbers: of even ones before they take effect, of odd ones after. */
function losing(store: Store, lost: readonly number[]): Store {
  let appends = 0;
  return storeWith(store, {
    async append(entries, writes) {
      appends += 1;
      const number = appends;
      const unreachable = new LockstepError("database-unreachable", "no answer");
      if (lost.includes(number) && number % 2 === 0) throw unreachable;
      const results = await store.append(entries, writes);
      if (lost.includes(number)) throw unreachable;
      return results;
    },
  });
}

async function play(
  store: Store,
  sent: readonly Sent[],
  takeoverAt: number,
  lost: readonly number[],
): Promise<void> {
  const engineOf = () =>
    createEngine({
      store: losing(store, lost),
      clock: systemClock,
      log: silentLog,
      machines: { toy: { ...definition, effects: { count: () => Promise.resolve() as never } } },
      onStuckEffect: () => {},
    });
  const [first, second] = [engineOf(), engineOf()];
  const own = (engine: typeof first, epoch: number) =>
    engine.own({ owner, prefix: "", epoch, signal: new AbortController().signal, writes: [] });
  const unheard = (error: unknown) => isLockstepError(error, "database-unreachable");
  const untilHeard = async <Result>(act: (attempt: number) => Promise<Result>): Promise<Result> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await act(attempt);
      } catch (error) {
        if (!unheard(error)) throw error;
      }
    }
  };
  await own(first, 1);
  for (const actor of actors) {
    await untilHeard(() => first.create(actor, "toy", undefined, { owner }));
  }
  const acknowledged = new Map<string, string>();
  let taken: Promise<void> | undefined;
  const send = async ({ actor, type, key }: Sent, index: number) => {
    // An owner that cannot take over begins again with a higher epoch, as a master does.
    if (index === takeoverAt) taken = untilHeard((attempt) => own(second, 2 + attempt));
    // Before, around and after the takeover, both are asked.
    for (const engine of index < takeoverAt ? [first] : [first, second]) {
      const name = actors[actor] as string;
      try {
        const { entry } = await untilHeard(() => engine.send(name, { type }, { key: `k${key}` }));
        acknowledged.set(`${name}/k${key}`, entry.actor);
      } catch (error) {
        if (!isLockstepError(error, "fenced")) throw error;
      }
    }
  };
  await Promise.all(sent.map(send));
  await taken;
  await Promise.all([first.stop(), second.stop()]);

  const inJournal = new Map<string, number>();
  for (const actor of actors) {
    const entries = await store.entries(actor);
    expect(entries.map(({ revision }) => revision)).toEqual(entries.map((_, index) => index));
    const epochs = entries.map(({ epoch }) => epoch);
    expect(epochs).toEqual(epochs.toSorted());
    for (const [index, entry] of entries.entries()) {
      if (entry.eventKey?.startsWith("caller:")) {
        const id = `${actor}/${entry.eventKey.slice("caller:".length)}`;
        inJournal.set(id, (inJournal.get(id) ?? 0) + 1);
      }
      const before = entries[index - 1] as Entry;
      if (index === 0 || entry.outcome === "takeover") continue;
      const { epoch, at } = entry;
      const stamp = { epoch, at, ...eventKeyOf(entry) };
      expect(nextTransition(definition, before, entry.event, stamp).entry).toEqual(entry);
    }
  }
  for (const id of acknowledged.keys()) expect(inJournal.get(id), id).toBe(1);
  for (const [id, times] of inJournal) expect(times, id).toBe(1);
}

const game = [
  fc.array(sending, { minLength: 1, maxLength: 40 }),
  fc.nat(40),
  fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 12 }),
] as const;

describe("any interleaving of two engines", () => {
  test("on memory", async () => {
    await fc.assert(
      fc.asyncProperty(...game, (sent, at, lost) =>
        play(createMemoryStore({ now: () => 7 }), sent, at, lost),
      ),
      { numRuns: 300 },
    );
  });

  test("on MongoDB", async () => {
    const client = await openClient();
    await fc.assert(
      fc.asyncProperty(...game, async (sent, at, lost) => {
        const databaseName = freshDatabaseName();
        const store = createMongoStore({
          client,
          databaseName,
          faultPoints: noFaults,
          clock: systemClock,
        });
        await play(store, sent, at, lost);
        await store.close();
      }),
      { numRuns: 12 },
    );
  });
});
