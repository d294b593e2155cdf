import { assert } from "../../src/errors.ts";
import {
  type AppendResult,
  type ControlDocument,
  collections,
  documentIds,
  type Entry,
  type EntryHead,
  hintingAgentFields,
  type Store,
  type Write,
} from "../../src/journal/store.ts";
import { wholeList } from "../../src/journal/whole-list.ts";
import { limits } from "../../src/limits.ts";

type Fields = Record<string, unknown>;

function readPath(fields: Fields, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Fields | undefined)?.[key], fields);
}

/** A stored value never changes, so all readers share one frozen copy. */
function frozenCopy<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return new Date(value) as Value;
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy)) as Value;
  const copy: Fields = {};
  for (const key of Object.keys(value)) copy[key] = frozenCopy((value as Fields)[key]);
  return Object.freeze(copy) as Value;
}

/** The fields with a change at one path. The value `undefined` removes the field. */
function withPath(
  fields: Fields | undefined,
  path: string,
  change: (old: unknown) => unknown,
): Fields {
  const dot = path.indexOf(".");
  const key = dot < 0 ? path : path.slice(0, dot);
  const old = fields?.[key];
  const value = dot < 0 ? change(old) : withPath(old as Fields, path.slice(dot + 1), change);
  if (value !== undefined) return Object.freeze({ ...fields, [key]: value });
  const { [key]: _taken, ...others } = fields ?? {};
  return Object.freeze(others);
}

function holds(fields: Fields | undefined, expect: Write["expect"]): boolean {
  if (expect === null) return fields === undefined;
  if (fields === undefined) return false;
  return Object.entries(expect).every(
    ([path, value]) => JSON.stringify(readPath(fields, path) ?? null) === JSON.stringify(value),
  );
}

/** Measures texts alone, for the speed of the simulation: only a text is ever large enough. */
function withinBounds(fields: Fields): Fields {
  const sizes = Object.values(fields).map((value) =>
    typeof value === "string" ? value.length : 0,
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return bytes > limits.controlDocumentBytesMax
    ? { at: fields["at"], oversizedBytes: bytes }
    : fields;
}

function headOf(entry: Entry): EntryHead {
  const { actor, revision, state, status, outcome, reason, eventKey, epoch, at } = entry;
  const because = reason === undefined ? {} : { reason };
  const keyed = eventKey === undefined ? {} : { eventKey };
  const effects = entry.effects.map(({ id, name }) => ({ id, name }));
  return {
    ...{ actor, revision, state, status, outcome, epoch, at, effects },
    ...because,
    ...keyed,
  };
}

function isHint({ collection, id, set = {} }: Write): boolean {
  if (collection === collections.agents) return hintingAgentFields.some((field) => field in set);
  if (collection === collections.leases) return set["expiresAt"] === 0;
  if (collection === collections.fences) return id === documentIds.writeBlock;
  return collection === collections.versions || collection === collections.inbox;
}

/** The contents of one database in memory. */
interface Database {
  readonly journal: Map<string, Entry[]>;
  /** The keys of each actor's events. */
  readonly keys: Map<string, Set<string>>;
  readonly documents: Map<string, Map<string, Fields>>;
}

function collectionOf({ documents }: Database, name: string): Map<string, Fields> {
  const found = documents.get(name) ?? new Map<string, Fields>();
  documents.set(name, found);
  return found;
}

function check({ journal, keys }: Database, entry: Entry): AppendResult {
  const entries = journal.get(entry.actor) ?? [];
  if (entry.revision < entries.length) return { kind: "revision-taken" };
  assert(entry.revision === entries.length, "revisions have no gaps", { actor: entry.actor });
  const known = entry.eventKey !== undefined && keys.get(entry.actor)?.has(entry.eventKey);
  return { kind: known ? "duplicate" : "appended" };
}

function put({ journal, keys }: Database, entry: Entry): void {
  const entries = journal.get(entry.actor) ?? [];
  entries.push(frozenCopy(entry));
  journal.set(entry.actor, entries);
  if (entry.eventKey === undefined) return;
  const known = keys.get(entry.actor) ?? new Set();
  keys.set(entry.actor, known.add(entry.eventKey));
}

function firstRefused(database: Database, writes: readonly Write[]): number | null {
  const index = writes.findIndex(
    ({ collection, id, expect }) => !holds(collectionOf(database, collection).get(id), expect),
  );
  return index < 0 ? null : index;
}

function apply(database: Database, write: Write): void {
  const { collection, id, set = {}, increment = {}, remove = [] } = write;
  const documents = collectionOf(database, collection);
  let fields = documents.get(id) ?? {};
  const change = (path: string, by: (old: unknown) => unknown) => {
    fields = withPath(fields, path, by);
  };
  for (const [path, value] of Object.entries(set)) change(path, () => frozenCopy(value));
  for (const [path, by] of Object.entries(increment)) {
    change(path, (old) => Number(old ?? 0) + by);
  }
  for (const path of remove) change(path, () => undefined);
  documents.set(id, fields);
}

/** The journal in memory: for tests and simulation. One instance is one database. */
export function createMemoryStore(options: { now: () => number }): Store {
  const database: Database = { journal: new Map(), keys: new Map(), documents: new Map() };
  const { journal } = database;
  const watchers = new Set<(what: string) => void>();
  const hint = (what: string) => {
    for (const watcher of watchers) void Promise.resolve().then(() => watcher(what));
  };

  return {
    now: async () => options.now(),
    async append(entries, writes = []) {
      assert(
        new Set(entries.map(({ actor }) => actor)).size === entries.length,
        "at most one entry an actor in a batch",
      );
      const results = entries.map((entry) => check(database, entry));
      if (writes.length > 0) {
        if (results.some(({ kind }) => kind !== "appended")) {
          return results.map((result) =>
            result.kind === "appended" ? { kind: "undone" } : result,
          );
        }
        const refused = firstRefused(database, writes);
        if (refused !== null) return entries.map(() => ({ kind: "refused", write: refused }));
      }
      entries.forEach((entry, index) => {
        if (results[index]?.kind === "appended") put(database, entry);
      });
      for (const write of writes) apply(database, write);
      entries.forEach(({ actor }, index) => {
        if (results[index]?.kind === "appended") hint(actor);
      });
      for (const write of writes) if (isHint(write)) hint(write.collection);
      return results;
    },
    async write(writes) {
      const refused = firstRefused(database, writes);
      if (refused !== null) return refused;
      for (const write of writes) apply(database, write);
      for (const write of writes) if (isHint(write)) hint(write.collection);
      return null;
    },
    async erase(collection, ids) {
      for (const id of ids) collectionOf(database, collection).delete(id);
    },
    tail: async (actor) => journal.get(actor)?.at(-1),
    tails: async (prefix) =>
      [...journal.keys()]
        .filter((actor) => actor.startsWith(prefix))
        .toSorted()
        .map((actor) => journal.get(actor)?.at(-1) as Entry),
    lastTail: async (prefix) => {
      const actors = [...journal.keys()].filter((actor) => actor.startsWith(prefix));
      return journal.get(actors.toSorted().at(-1) ?? "")?.at(-1);
    },
    heads: async (actor) => (journal.get(actor) ?? []).map(headOf),
    entries: async (actor, fromRevision = 0, limit = Number.POSITIVE_INFINITY) =>
      (journal.get(actor) ?? []).slice(fromRevision, fromRevision + limit),
    async entriesAt(places) {
      assert(places.length <= limits.listMax, "few places enough for one query");
      return places.flatMap(({ actor, revision }) => journal.get(actor)?.[revision] ?? []);
    },
    get: async (collection, id) =>
      collectionOf(database, collection).get(id) as ControlDocument | undefined,
    list: async (collection, where = {}, page) => {
      const found = [...collectionOf(database, collection)]
        .filter(([, fields]) => holds(fields, where))
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([_id, fields]) => ({ ...withinBounds(fields), _id }));
      if (page === undefined) return wholeList(collection, found);
      const place = (document: Fields) => Number(document[page.orderBy]);
      return found.toSorted((left, right) => place(left) - place(right)).slice(0, page.limit);
    },
    watch(onHint) {
      watchers.add(onHint);
      return () => watchers.delete(onHint);
    },
    close: async () => watchers.clear(),
  };
}
