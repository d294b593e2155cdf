import { type MongoClient, UUID } from "mongodb";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";

/** Drops exactly the collection of this UUID. Another one of its name stays. */
export async function dropExactly(
  client: MongoClient,
  databaseName: string,
  { name, uuid }: { readonly name: string; readonly uuid: string },
): Promise<void> {
  const drop = { drop: name, collectionUUID: new UUID(uuid), writeConcern: { w: "majority" } };
  await client
    .db(databaseName)
    .command(drop)
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.namespaceNotFound, serverErrors.collectionUuidMismatch))
        throw error;
    });
}

/** Drops a collection or view. A missing one is a success. */
export async function dropIfThere(
  client: MongoClient,
  databaseName: string,
  name: string,
): Promise<void> {
  await client
    .db(databaseName)
    .dropCollection(name, { writeConcern: { w: "majority" } })
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.namespaceNotFound)) throw error;
    });
}
