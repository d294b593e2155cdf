import type { MongoClient } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { inheritedCollation } from "../../mongo/catalogue/same-definition.ts";
import { isTransient } from "../../mongo/transient.ts";
import type { Manifest } from "../backup/manifest.ts";
import { tryIndexes } from "../definitions/index-trial.ts";
import { indexSpecification } from "./load/load-definitions.ts";

/**
 * Asks the server for each collection whether it takes the indexes, on an empty collection in a transaction that is
 * rolled back: otherwise it would say so only after all documents are loaded. Only the data can be in the way then.
 * @throws LockstepError `database-not-supported`
 */
export async function requireIndexesTaken(
  options: {
    readonly client: MongoClient;
    readonly databaseName: string;
    readonly signal: AbortSignal;
  },
  { collections }: Manifest,
): Promise<void> {
  const refused: string[] = [];
  for (const from of collections) {
    // The server makes no time series in a transaction. A view has no indexes.
    if (from.type !== "collection" || from.indexes.length === 0) continue;
    const definitions = from.indexes.map((index) => indexSpecification(index, from, false));
    const collation = inheritedCollation(from.options);
    const refusal = await tryIndexes(options, collation, definitions).catch((error: unknown) => {
      // The load will show it.
      if (isTransient(error)) return null;
      throw error;
    });
    if (refusal !== null) refused.push(`"${from.name}" (${refusal})`);
  }
  if (refused.length === 0) return;
  throw new LockstepError(
    "database-not-supported",
    `found indexes that the server does not take, of ${refused.join("; ")}: nothing was touched; correct them in the metadata files, or restore by hand`,
    { found: refused },
  );
}
