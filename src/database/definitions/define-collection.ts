import type { Document } from "mongodb";
import { fencedTransaction } from "../../leadership/fenced-transaction.ts";
import { bytesOfDefinition, definitionField } from "../../mongo/catalogue/definition.ts";
import { canonicalText } from "../../mongo/catalogue/definition-text.ts";
import {
  bytesOfOptions,
  collationOfCreate,
  completedCollation,
  hasOptions,
  hasValidator,
} from "../../mongo/catalogue/same-definition.ts";
import { moved, moveProgress, nextOperation, type Runner } from "../migration/runner.ts";
import type { CollectionOptions, ValidatorOptions } from "../migration/schema-context.ts";
import { addFiles } from "./added-files.ts";
import { define, entryOf, requirePlain, requireUnused, schemaConflict } from "./define.ts";

/** Creates a collection in a fenced transaction, and ends the operation with it. */
export async function addCollection(
  runner: Runner,
  name: string,
  asked: CollectionOptions,
): Promise<void> {
  const { options, progress } = runner;
  requireUnused(runner, name);
  const existing = await entryOf(runner, name);
  if (existing) {
    const found = requirePlain(existing, name).options;
    const database = options.client.db(options.databaseName);
    const collation = await completedCollation(
      database,
      asked.collation && { ...collationOfCreate, ...asked.collation },
    );
    if (!hasOptions(found, bytesOfOptions(asked), collation)) {
      throw schemaConflict(
        `expected no collection "${name}" or one with the same options, found ${canonicalText(bytesOfDefinition(found))}`,
      );
    }
  } else await addFiles(runner, 2);
  const next = { ...progress, ...nextOperation(runner) };
  await fencedTransaction(
    options,
    "add-collection",
    { field: options.progressField, sequence: progress.sequence, readConcern: "local" },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async (session) => {
      if (existing) return;
      const database = options.client.db(options.databaseName);
      await database.createCollection(name, { ...(asked as object), session });
    },
  );
  moved(runner, next);
}

/** Drops the collection that was there when the operation began. */
export async function dropCollection(runner: Runner, name: string): Promise<void> {
  const { target, dropped } = runner.progress;
  await define(
    runner,
    "drop-collection",
    async () => {
      const entry = await entryOf(runner, name);
      if (entry) requirePlain(entry, name);
      return entry === undefined || entry.uuid !== target;
    },
    (collectionUUID) => ({ database: "application", command: { drop: name, collectionUUID } }),
  );
  await moveProgress(runner, "operation-end", {
    ...nextOperation(runner),
    dropped: [...dropped, name],
  });
}

/** Renames the collection that was there when the operation began. */
export async function renameCollection(runner: Runner, from: string, to: string): Promise<void> {
  const { target, dropped } = runner.progress;
  const { databaseName } = runner.options;
  requireUnused(runner, to);
  await define(
    runner,
    "rename-collection",
    async () => {
      const there = await entryOf(runner, to);
      if (there && there.uuid === target) return true;
      if (there)
        throw schemaConflict(
          `expected no collection "${to}", found one: rename to another name, or drop that one first`,
        );
      requirePlain(await entryOf(runner, from), from);
      return false;
    },
    (collectionUUID) => ({
      database: "admin",
      command: {
        renameCollection: `${databaseName}.${from}`,
        to: `${databaseName}.${to}`,
        collectionUUID,
      },
    }),
  );
  await moveProgress(runner, "operation-end", {
    ...nextOperation(runner),
    dropped: [...dropped, from],
  });
}

/** Sets or removes the validator of a collection. */
export async function setValidator(
  runner: Runner,
  name: string,
  validator: Readonly<Document> | null,
  { level = "strict", action = "error" }: ValidatorOptions,
): Promise<void> {
  const wanted = { validator: validator ?? {}, validationLevel: level, validationAction: action };
  await define(
    runner,
    "set-validator",
    async () => {
      const entry = requirePlain(await entryOf(runner, name), name);
      return validator === null
        ? definitionField(entry.options, "validator") === undefined
        : hasValidator(entry.options, bytesOfOptions(wanted));
    },
    (collectionUUID) => ({
      database: "application",
      command: { collMod: name, collectionUUID, ...wanted },
    }),
  );
  await moveProgress(runner, "operation-end", nextOperation(runner));
}
