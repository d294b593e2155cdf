import { type Document, Int32, MongoServerError, type UUID } from "mongodb";
import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import {
  fieldOf,
  rawArray,
  rawDocument,
  rawFields,
  rawOptions,
} from "../../../mongo/bson/raw-bson.ts";
import { anotherCollection } from "../../../mongo/bson/raw-insert.ts";
import { listCollections } from "../../../mongo/catalogue/catalogue.ts";
import {
  bytesOfDefinition,
  type Definition,
  definitionField,
  definitionFields,
} from "../../../mongo/catalogue/definition.ts";
import { hasCode, serverErrors } from "../../../mongo/server-errors.ts";
import { isNetworkTrouble, isTransient } from "../../../mongo/transient.ts";
import type { DumpedCollection } from "../../backup/manifest.ts";
import { dropIfThere } from "../drop.ts";
import { othersInTheWay } from "../in-place.ts";
import type { LoadTarget } from "./load.ts";

/** The longest expiry, so that nothing expires. */
const neverSeconds = fieldOf("expireAfterSeconds", new Int32(2_147_483_647));

/** The specification of an index. A simple index must name its collation where the collection has one. */
export function indexSpecification(
  index: Definition,
  from: DumpedCollection,
  holdExpiry: boolean,
): Uint8Array {
  const fields = rawFields(bytesOfDefinition(index)).map((field) =>
    holdExpiry && field.name === "expireAfterSeconds" ? neverSeconds : field,
  );
  const inherits = definitionField(from.options, "collation") !== undefined;
  if (inherits && !fields.some(({ name }) => name === "collation")) {
    fields.push(fieldOf("collation", { locale: "simple" }));
  }
  return rawDocument(fields);
}

/** Builds the indexes of a copy. An index that exists is a success. */
export async function buildIndexes(
  target: LoadTarget,
  name: string,
  from: DumpedCollection,
  identity: Identity,
): Promise<void> {
  if (from.indexes.length === 0) return;
  const command: Document = {
    createIndexes: name,
    indexes: rawArray(
      from.indexes.map((index) => indexSpecification(index, from, target.holdExpiry === true)),
    ),
    commitQuorum: "majority",
    maxTimeMS: limits.indexBuildTimeMsMax,
    ...identity,
    writeConcern: { w: "majority" },
  };
  await target.faultPoints.write("load-indexes", () =>
    target.client
      .db(target.databaseName)
      .command(command)
      .catch((error: unknown) => {
        if (hasCode(error, serverErrors.collectionUuidMismatch)) throw anotherCollection(name);
        if (!(error instanceof MongoServerError) || isNetworkTrouble(error)) throw error;
        throw new LockstepError(
          "restore-failed",
          `the indexes of "${from.name}" cannot be built on the restored data: ${messageOf(error)}: correct the data or the definition in the backup's metadata, or restore by hand`,
          { collection: from.name },
          { cause: error },
        );
      }),
  );
}

/** The identity of a collection for writes to it, so that another one of its name stays untouched. */
export interface Identity {
  readonly collectionUUID?: UUID;
}

/** Adds the collection's name to the server's refusal of a definition. Other errors stay as they are. */
function uncreated(from: DumpedCollection, error: unknown): unknown {
  // The caller handles the refusal of a view that depends on other views.
  const isOther = hasCode(error, serverErrors.unauthorized, ...othersInTheWay);
  if (!(error instanceof MongoServerError) || isOther) return error;
  if (isNetworkTrouble(error) || isTransient(error)) return error;
  return new LockstepError(
    "restore-failed",
    `"${from.name}" cannot be created: ${messageOf(error)}: correct its definition in the backup's metadata, or restore by hand`,
    { collection: from.name },
    { cause: error },
  );
}

/** Creates a collection with exactly the options that it had. */
export async function create(
  target: LoadTarget,
  from: DumpedCollection,
  name: string,
): Promise<string | null> {
  const options = definitionFields(from.options).filter(
    (field) => !(target.holdExpiry && field.name === "expireAfterSeconds"),
  );
  const command = { create: name, ...rawOptions(options) };
  const creating = target.create
    ? target.create(command, from.type)
    : createPlainly(target, command);
  return creating.catch((error: unknown) => {
    if (!hasCode(error, serverErrors.namespaceExists)) throw uncreated(from, error);
    if (target.isFresh) throw anotherCollection(name);
    return null;
  });
}

/** Creates a collection or view by one command. */
export async function createPlainly(
  {
    client,
    databaseName,
    faultPoints,
  }: Pick<LoadTarget, "client" | "databaseName" | "faultPoints">,
  command: Document,
): Promise<null> {
  await faultPoints.write("load-create", () =>
    client.db(databaseName).command({ ...command, writeConcern: { w: "majority" } }),
  );
  return null;
}

/** Lets everything that `holdExpiry` has held back expire as it was backed up. */
export async function releaseExpiry(
  target: LoadTarget,
  from: DumpedCollection,
  identity: Identity,
): Promise<void> {
  const expiryOf = (definition: Definition, ...names: readonly string[]) =>
    rawOptions(definitionFields(definition).filter(({ name }) => names.includes(name)));
  const changes: Document[] = [
    expiryOf(from.options, "expireAfterSeconds"),
    ...from.indexes
      .filter((index) => definitionField(index, "expireAfterSeconds"))
      .map((index) => ({ index: expiryOf(index, "name", "expireAfterSeconds") })),
  ].filter((change) => Object.keys(change).length > 0);
  for (const change of changes) {
    await target.faultPoints.write("load-expiry", () =>
      target.client
        .db(target.databaseName)
        .command({ collMod: from.name, ...change, ...identity, writeConcern: { w: "majority" } })
        .catch((error: unknown) => {
          throw hasCode(error, serverErrors.collectionUuidMismatch)
            ? anotherCollection(from.name)
            : error;
        }),
    );
  }
}

/** Defines a view as it was, also where it exists. A late or second call changes nothing. */
export async function defineView(
  target: LoadTarget,
  from: DumpedCollection,
  name: string,
): Promise<void> {
  const { client, databaseName } = target;
  if (target.isFresh) {
    await create(target, from, name);
    return;
  }
  const [there] = await listCollections(client, databaseName, { name });
  const isCollated = (options: Definition) => definitionField(options, "collation") !== undefined;
  if (there?.type === "view" && !isCollated(from.options) && !isCollated(there.options)) {
    const change = {
      collMod: name,
      ...rawOptions(definitionFields(from.options)),
      writeConcern: { w: "majority" },
    };
    await target.faultPoints.write("load-view", () => client.db(databaseName).command(change));
    return;
  }
  await target.faultPoints.write("load-drop", () => dropIfThere(client, databaseName, name));
  await create(target, from, name);
}
