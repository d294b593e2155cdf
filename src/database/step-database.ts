import type { ClientSession, Collection, Db, Document } from "mongodb";
import type { StepCollection, StepDatabase } from "./schema-context.ts";

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

/** A database in one transaction, without a way to the client or to another database. */
export function stepDatabase(database: Db, session: ClientSession): StepDatabase {
  return { collection: (name) => stepCollection(database.collection(name), session) };
}
