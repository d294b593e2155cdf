import { createHash } from "node:crypto";
import { LockstepError } from "../errors.ts";
import { isAtEnd } from "../journal/entry-shape.ts";
import { collections, type Store, type Write } from "../journal/store.ts";
import { limits } from "../limits.ts";
import { count, fields, text } from "../shape.ts";
import { coordinatorId } from "./ids.ts";

/** The head of a stored value. The text itself is in numbered parts beside it. */
interface Head {
  readonly upgradeId: string;
  readonly digest: string;
  readonly parts: number;
}

const headShape = fields<Head>({ upgradeId: text, digest: text, parts: count });

const idOf = (upgradeId: string, digest: string): string => `${upgradeId}/${digest}`;
const partId = (id: string, number: number): string => `${id}/${number}`;

function partIds(id: string, parts: number): readonly string[] {
  return Array.from({ length: Math.min(parts, limits.cataloguePartsMax) }, (_, number) =>
    partId(id, number),
  );
}

/** JSON in ASCII alone, so that a part may end after any character. Pure. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The bytes that a value takes in the control database. Pure. */
export function keptBytes(value: unknown): number {
  return asciiJson(value).length;
}

function digestOfText(kept: string): string {
  return createHash("sha256").update(kept).digest("hex");
}

/**
 * Stores a value once for an upgrade and returns its digest, by which the journal refers to it. A value that is
 * stored already is a success.
 * @param fence joins each write, so that a deposed master stores nothing
 * @throws LockstepError `database-not-supported` where it is too large, `fenced`
 */
export async function keepCatalogue(
  { store, fence }: { readonly store: Store; readonly fence: Write },
  upgradeId: string,
  value: unknown,
): Promise<string> {
  const kept = asciiJson(value);
  if (kept.length > limits.catalogueBytesMax) {
    throw new LockstepError(
      "database-not-supported",
      `expected definitions of collections and indexes of at most ${limits.catalogueBytesMax} bytes, found ${kept.length}: move some collections to another database`,
      { bytes: kept.length, maxBytes: limits.catalogueBytesMax },
    );
  }
  const digest = digestOfText(kept);
  const id = idOf(upgradeId, digest);
  const size = limits.cataloguePartBytes;
  const parts = Math.ceil(kept.length / size);
  const head: Head = { upgradeId, digest, parts };
  const { catalogues, catalogueParts } = collections;
  const inserts: Write[] = [
    // The head comes first, since a sweep finds the parts by it, also after a crash.
    { collection: catalogues, id, expect: null, set: { ...head } },
    ...partIds(id, parts).map((each, number) => ({
      ...{ collection: catalogueParts, id: each, expect: null },
      set: { text: kept.slice(number * size, (number + 1) * size) },
    })),
  ];
  for (const insert of inserts) {
    const refused = await store.write([fence, insert], "catalogue");
    if (refused === 0) {
      throw new LockstepError("fenced", "another master has taken over: it stores the catalogue");
    }
  }
  return digest;
}

/**
 * Reads the value that is stored for an upgrade under a digest, and proves that it has that digest.
 * @throws LockstepError `backup-mismatch`
 */
export async function readKeptCatalogue(
  store: Store,
  upgradeId: string,
  digest: string,
): Promise<unknown> {
  const id = idOf(upgradeId, digest);
  const head = await store.get(collections.catalogues, id);
  const trouble = headShape(head, collections.catalogues);
  const found: string[] = [];
  for (const each of trouble === null ? partIds(id, Number(head?.["parts"])) : []) {
    const part = await store.get(collections.catalogueParts, each);
    found.push(String(part?.["text"] ?? ""));
  }
  const kept = found.join("");
  if (trouble === null && digestOfText(kept) === digest) return JSON.parse(kept);
  const what = head === undefined ? "nothing" : (trouble ?? "another text, or a part of the text");
  throw new LockstepError(
    "backup-mismatch",
    `expected the definitions and hashes of upgrade ${upgradeId} with digest ${digest} in the collection ${collections.catalogues} of the control database, found ${what}: they are removed when the upgrade ends; before that, restore them there`,
    { upgradeId, digest },
  );
}

/**
 * Removes the values of upgrades that have ended: nobody reads them any more. Those of an upgrade without a journal stay,
 * since the next one to be accepted has its id. It is idempotent.
 */
export async function sweepCatalogues(store: Store): Promise<void> {
  for (const { _id, ...head } of await store.list(collections.catalogues)) {
    const tail = await store.tail(coordinatorId(_id.split("/")[0] ?? ""));
    if (!tail || !isAtEnd(tail)) continue;
    const parts = partIds(_id, Number(head["parts"] ?? 0));
    await store.erase(collections.catalogueParts, parts, "catalogue-sweep");
    await store.erase(collections.catalogues, [_id], "catalogue-sweep");
  }
}
