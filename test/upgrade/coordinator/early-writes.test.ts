// Aim: early writes are named by what is known of them, and the look for them keeps no upgrade and no way back: it ends
// in time, and fails without a failure. Method: the look over the memory store, in virtual time, with each answer of a
// database.
import { BSON } from "mongodb";
import { expect, test } from "vitest";
import { keepCatalogue } from "../../../src/control/kept-catalogues.ts";
import type { WritesFound } from "../../../src/database/isolation/foreign-writes.ts";
import { LockstepError } from "../../../src/errors.ts";
import { callerKey } from "../../../src/fleet-engine/event-key.ts";
import { collections, documentIds } from "../../../src/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import type { Catalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { definitionOf } from "../../../src/mongo/catalogue/definition.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import { lookForEarlyWrites } from "../../../src/upgrade/coordinator/effects/early-writes.ts";
import type { Acting } from "../../../src/upgrade/database/upgrade-database.ts";
import { createScheduler } from "../../simulation/scheduler.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { coordinator, upgradeId, ways } from "../protocol/facts.ts";

const empty = definitionOf(BSON.serialize({}));
const withCollections = (...names: readonly string[]): Catalogue => ({
  collections: names.map((name) => ({
    ...{ name, type: "collection", uuid: name, options: empty, indexes: [] },
  })),
});
const seed: WritesFound = {
  writes: [{ collection: "seeds", operation: "insert", id: "7" }],
  count: 1,
};

interface Facts {
  readonly state?: string;
  readonly live?: Catalogue;
  readonly isKept?: boolean;
  /** The early writes that the journal has. */
  readonly known?: readonly string[];
  readonly foreignWrites?: AgentWorld["foreignWrites"];
  findWritesSince?(acting: Acting, ms: number): Promise<WritesFound>;
  readonly catalogueMs?: number;
}

async function look(facts: Facts) {
  const { state = "backing-up", live = withCollections("items"), isKept = true } = facts;
  const scheduler = createScheduler();
  const store = createMemoryStore({ now: scheduler.nowMs });
  const fence = { collection: collections.fences, id: documentIds.master };
  await store.write([{ ...fence, expect: null, set: { epoch: 1, sequence: 0 } }]);
  const kept = { store, fence: { ...fence, expect: { epoch: 1 }, increment: { sequence: 1 } } };
  const catalogue = await keepCatalogue(kept, upgradeId, withCollections("items"));
  for (const entry of coordinator(ways[state] ?? [])) {
    const snapshot = JSON.parse(entry.snapshot);
    if (isKept) snapshot.context.catalogue = catalogue;
    if (facts.known) snapshot.context.earlyWrites = facts.known;
    const isShut = entry.event.type === "gatesShut";
    const key = isShut ? { eventKey: callerKey("gatesShut") } : {};
    await store.append([{ ...entry, ...key, snapshot: JSON.stringify(snapshot) }]);
  }
  const asked: number[] = [];
  const findWritesSince = async (acting: Acting, ms: number) => {
    asked.push(ms);
    return facts.findWritesSince?.(acting, ms) ?? { writes: [], count: 0 };
  };
  const readLive = async () => {
    if (facts.catalogueMs !== undefined) await scheduler.sleep(facts.catalogueMs);
    return live;
  };
  const said: unknown[] = [];
  const log = { ...silentLog, warn: (fields: unknown) => said.push(fields) };
  const world = {
    ...{ store, log },
    database: { findWritesSince, live: { catalogue: readLive } },
    foreignWrites: facts.foreignWrites ?? "only detected",
    clock: { monotonicMs: scheduler.nowMs, sleep: scheduler.sleep },
  } as unknown as AgentWorld;
  const acting = { actor: `upgrade/${upgradeId}`, signal: new AbortController().signal };
  let found: readonly string[] | undefined;
  const looking = lookForEarlyWrites(world, acting as Acting, upgradeId).then((words) => {
    found = words;
  });
  await scheduler.run(2 * limits.earlyWritesLookMs, () => found !== undefined);
  await looking;
  return { found, asked, said };
}

test("definitions since the acceptance, and documents since all gates were shut", async () => {
  const early = ['collection "made" is new', 'while all gates were shut: insert of 7 in "seeds"'];
  const live = withCollections("items", "made");
  const { found, asked, said } = await look({ live, findWritesSince: async () => seed });
  expect(found).toEqual(early);
  // The third event of this journal says that all gates are shut.
  expect(asked).toEqual([3]);
  expect(said).toEqual([{ upgradeId, early }]);
});

test("nothing was changed: nothing is said", async () => {
  expect(await look({})).toEqual({ found: [], asked: [3], said: [] });
});

test("before all gates are shut, and where outsiders may write until T, no document is asked for", async () => {
  const findWritesSince = async () => seed;
  for (const facts of [{ state: "waiting" }, { foreignWrites: "prevented" }] as const) {
    expect(await look({ ...facts, findWritesSince })).toEqual({ found: [], asked: [], said: [] });
  }
});

test("an upgrade that an earlier build accepted has documents alone", async () => {
  const live = withCollections("items", "made");
  const findWritesSince = async () => seed;
  const { found } = await look({ isKept: false, live, findWritesSince });
  expect(found).toEqual(['while all gates were shut: insert of 7 in "seeds"']);
});

test("ten definitions are named, and the others counted", async () => {
  const names = Array.from({ length: 12 }, (_, number) => `made${number}`);
  const { found } = await look({ live: withCollections("items", ...names) });
  expect(found).toHaveLength(11);
  expect(found?.at(-1)).toBe("and 2 more");
});

test("a look that fails, or that goes on for too long, tells nothing, and is ended", async () => {
  const live = withCollections("items", "made");
  const failing = async () => {
    throw new LockstepError("foreign-writes", "the oplog no longer reaches back");
  };
  expect((await look({ live, findWritesSince: failing })).found).toEqual([
    'collection "made" is new',
  ]);
  let isEnded = false;
  const endless = ({ signal }: Acting) =>
    new Promise<WritesFound>((_, reject) => {
      signal.addEventListener("abort", () => {
        isEnded = true;
        reject(signal.reason);
      });
    });
  expect((await look({ live, findWritesSince: endless })).found).toEqual([
    'collection "made" is new',
  ]);
  expect(isEnded).toBe(true);
});

test("definitions that cannot be read in time hold up no way back", async () => {
  const live = withCollections("items", "made");
  const catalogueMs = limits.earlyWritesLookMs + 1;
  const { found } = await look({ live, catalogueMs, findWritesSince: async () => seed });
  expect(found).toEqual(['while all gates were shut: insert of 7 in "seeds"']);
});

test("a look that fails keeps what an earlier one has found; one that succeeds says how it is now", async () => {
  const known = ['while all gates were shut: insert of 1 in "seeds"', 'collection "made" is new'];
  const live = withCollections("items", "made");
  const findWritesSince = async () => {
    throw new LockstepError("foreign-writes", "the oplog no longer reaches back");
  };
  expect((await look({ known, live, findWritesSince })).found).toEqual(known);
  expect((await look({ known })).found).toEqual([]);
});

test("a name or an _id of any length makes no event that the journal refuses", async () => {
  const id = "x".repeat(limits.snapshotBytesMax);
  const found = { writes: [{ collection: "seeds", operation: "insert", id }], count: 1 };
  const words = (await look({ findWritesSince: async () => found })).found ?? [];
  expect(words[0]).toMatch(/^while all gates were shut: insert of x+… \(cut: \d+ characters\)$/);
  expect(words[0]?.length).toBeLessThan(2 * limits.reasonMessageLengthMax);
});
