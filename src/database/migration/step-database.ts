import type { ClientSession, Collection, Db, Document } from "mongodb";
import type { CollectionEntry } from "../../mongo/catalogue/catalogue.ts";
import { conflict, requirePlain } from "../definitions/define.ts";
import type { StepCollection, StepDatabase } from "./schema-context.ts";
import { requireCollectionName } from "./step-arguments.ts";

function stepCollection(collection: Collection<Document>, session: ClientSession): StepCollection {
  return {
    find: (filter = {}) => ({ toArray: () => collection.find(filter, { session }).toArray() }),
    findOne: (filter) => collection.findOne(filter, { session }),
    insertOne: (document) => collection.insertOne(document, { session }),
    insertMany: (documents) => collection.insertMany([...documents], { session }),
    updateOne: (filter, update) => collection.updateOne(filter, update, { session }),
    updateMany: (filter, update) => collection.updateMany(filter, update, { session }),
    replaceOne: (filter, document) => collection.replaceOne(filter, document, { session }),
    deleteOne: (filter) => collection.deleteOne(filter, { session }),
    deleteMany: (filter) => collection.deleteMany(filter, { session }),
    countDocuments: (filter = {}) => collection.countDocuments(filter, { session }),
    distinct: (field, filter = {}) => collection.distinct(field, filter, { session }),
    aggregate: (pipeline) => ({
      toArray: () => collection.aggregate([...pipeline], { session }).toArray(),
    }),
  };
}

/** A database in one transaction, without a way to the client, to another database, or to what no step may touch. */
export function stepDatabase(
  database: Db,
  session: ClientSession,
  entries: readonly CollectionEntry[],
  dropped: readonly string[],
): StepDatabase {
  return {
    collection(name) {
      requireCollectionName("transaction", name);
      const entry = entries.find((candidate) => candidate.name === name);
      if (entry) requirePlain(entry, name);
      if (name.startsWith("system.") || (!entry && dropped.includes(name))) {
        throw conflict(`a step must not use "${name}": it is the server's, or was dropped before`);
      }
      return stepCollection(database.collection(name), session);
    },
  };
}
