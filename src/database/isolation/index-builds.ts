import { type Document, type MongoClient, UUID } from "mongodb";
import { decodedValue, type RawField, rawFields } from "../../mongo/bson/raw-bson.ts";
import { hasCode, serverErrors } from "../../mongo/server-errors.ts";

const found = (fields: readonly RawField[], name: string) =>
  fields.find((field) => field.name === name);

/** The names of the indexes that are being built, one list for each build. Pure. */
function buildsOf(described: readonly Uint8Array[]): readonly (readonly string[])[] {
  const builds = new Map<string, string[]>();
  for (const bytes of described) {
    const fields = rawFields(bytes);
    const [build, index] = [found(fields, "buildUUID"), found(fields, "spec")];
    const name = index && found(rawFields(index.value), "name");
    if (!build || !name) continue;
    const id = Buffer.from(build.value).toString("hex");
    builds.set(id, [...(builds.get(id) ?? []), String(decodedValue(name))]);
  }
  return [...builds.values()];
}

/**
 * Ends every index build on the collection of this UUID. A build may have no operation that could be killed: it
 * outlives a step-down and its client. Without the right to end it, it goes on.
 */
export async function endIndexBuilds(
  client: MongoClient,
  databaseName: string,
  { name, uuid }: { readonly name: string; readonly uuid: string },
): Promise<void> {
  const database = client.db(databaseName);
  // The definitions stay bytes, since the driver may be unable to decode them.
  const described = await database
    .runCursorCommand({ listIndexes: name, includeBuildUUIDs: true, cursor: {} }, { raw: true })
    .toArray();
  for (const index of buildsOf(described as unknown as Uint8Array[])) {
    const end: Document = { dropIndexes: name, index, collectionUUID: new UUID(uuid) };
    await database.command({ ...end, writeConcern: { w: "majority" } }).catch((error: unknown) => {
      // The build has ended by itself, or the collection is another one now. The caller looks again.
      const isOver = hasCode(
        error,
        serverErrors.indexNotFound,
        serverErrors.namespaceNotFound,
        serverErrors.collectionUuidMismatch,
        serverErrors.unauthorized,
      );
      if (!isOver) throw error;
    });
  }
}
