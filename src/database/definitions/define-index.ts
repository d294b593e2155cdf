import { messageOf } from "../../errors.ts";
import { fieldOf, type RawField, rawArray, rawDocument } from "../../mongo/bson/raw-bson.ts";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import {
  bytesOfDefinition,
  type Definition,
  definitionOf,
  indexName,
  withoutFields,
} from "../../mongo/catalogue/definition.ts";
import {
  bytesOfOptions,
  completedCollation,
  inheritedCollation,
  isSameIndex,
} from "../../mongo/catalogue/same-definition.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import { moveProgress, nextOperation, type Runner } from "../migration/runner.ts";
import type { IndexKeys, IndexOptions } from "../migration/schema-context.ts";
import { addFiles } from "./added-files.ts";
import { define, entryOf, requirePlain, schemaConflict } from "./define.ts";
import { blameForIndex } from "./index-offenders.ts";
import { isTakenForSame } from "./index-trial.ts";

function keyMap(keys: IndexKeys): Map<string, unknown> {
  return new Map(Array.isArray(keys) ? keys : Object.entries(keys));
}

/** The server compares these fields: it simplifies them, and they can be spelled in many ways. */
const fieldsOfDocuments = ["partialFilterExpression", "wildcardProjection"];

/** True where the server takes the index for the present one, whose filter may be spelled in another way. */
async function isSpelledOtherwise(
  runner: Runner,
  inherited: RawField | null,
  there: Definition,
  asked: Uint8Array,
  collation: RawField | null,
): Promise<boolean> {
  const definition = bytesOfDefinition(there);
  const bare = definitionOf(withoutFields(definition, fieldsOfDocuments));
  if (!isSameIndex(bare, withoutFields(asked, fieldsOfDocuments), collation)) return false;
  return isTakenForSame(runner, { definition, collation: inherited }, asked);
}

/** The index that each collection has from its beginning. The catalogue does not list it. */
const idIndexOf = (collation: RawField | null): Definition =>
  definitionOf(
    rawDocument([
      ...[fieldOf("key", { _id: 1 }), fieldOf("name", "_id_")],
      ...(collation === null ? [] : [collation]),
    ]),
  );

/**
 * True where the index exists, false where no index has its name.
 * @throws LockstepError `schema-conflict` where another index has its name, or it has another name
 */
async function isThere(
  runner: Runner,
  { name: collection, options, indexes }: CollectionEntry,
  name: string,
  asked: Uint8Array,
  collation: RawField | null | undefined,
): Promise<boolean> {
  const inherited = inheritedCollation(options);
  const wanted = collation === undefined ? inherited : collation;
  const all = [idIndexOf(inherited), ...indexes];
  const named = all.find((index) => indexName(index) === name);
  if (named !== undefined) {
    if (isSameIndex(named, asked, wanted)) return true;
    if (await isSpelledOtherwise(runner, inherited, named, asked, wanted)) return true;
    throw schemaConflict(
      `another index of "${collection}" is named "${name}", with other keys or options: choose another name, or drop that one first`,
    );
  }
  const same = all.find((index) => isSameIndex(index, asked, wanted));
  if (same === undefined) return false;
  throw schemaConflict(
    `index "${name}" of "${collection}" exists already as "${indexName(same)}": use that name, or drop that one first`,
  );
}

/** Builds an index on exactly the collection that was there when the operation began. */
export async function addIndex(
  runner: Runner,
  collection: string,
  keys: IndexKeys,
  index: IndexOptions,
): Promise<void> {
  const key = keyMap(keys);
  const asked = bytesOfOptions({ ...index, key });
  const database = runner.options.client.db(runner.options.databaseName);
  const collation =
    index.collation === undefined ? undefined : await completedCollation(database, index.collation);
  await define(
    runner,
    "add-index",
    async () => {
      const entry = requirePlain(await entryOf(runner, collection), collection);
      if (await isThere(runner, entry, index.name, asked, collation)) return true;
      await addFiles(runner, 1);
      return false;
    },
    (collectionUUID) => ({
      database: "application",
      command: {
        createIndexes: collection,
        indexes: rawArray([asked]),
        collectionUUID,
        commitQuorum: "majority",
      },
    }),
  ).catch(async (error: unknown) => {
    if (hasCode(error, serverErrors.indexOptionsConflict, serverErrors.indexKeySpecsConflict)) {
      throw schemaConflict(
        `index "${index.name}" of "${collection}" conflicts with another one: ${messageOf(error)}: choose another name, or drop that one first`,
      );
    }
    throw await blameForIndex(runner, collection, { asked, key, index, collation }, error);
  });
  await moveProgress(runner, "operation-end", nextOperation(runner));
}

/** Drops an index by its name. A missing one is a success. */
export async function dropIndex(runner: Runner, collection: string, name: string): Promise<void> {
  await define(
    runner,
    "drop-index",
    async () => {
      const entry = requirePlain(await entryOf(runner, collection), collection);
      return !entry.indexes.some((index) => indexName(index) === name);
    },
    (collectionUUID) => ({
      database: "application",
      command: { dropIndexes: collection, index: name, collectionUUID },
    }),
  );
  await moveProgress(runner, "operation-end", nextOperation(runner));
}
