import type { MongoClient } from "mongodb";
import { assert, LockstepError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Seam } from "../ports/seam.ts";
import { dataCollection, differences, readCatalogue } from "./catalogue.ts";
import { type Digests, digestDatabase } from "./digest.ts";
import { loadCollection } from "./load.ts";
import type { Manifest } from "./manifest.ts";

const infix = "_lockstep_scratch_";

/** The database beside the live one where a backup is restored and the steps are rehearsed. */
export function scratchName(databaseName: string, epoch: number): string {
  const name = `${databaseName}${infix}${epoch}`;
  assert(Buffer.byteLength(name) <= 63, "the scratch database's name fits", { name });
  return name;
}

/** Drops all scratch databases of this database, whichever epoch left them. */
export async function sweepScratch(client: MongoClient, databaseName: string): Promise<void> {
  const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
  const prefix = `${databaseName}${infix}`;
  for (const { name } of databases) {
    if (!name.startsWith(prefix) || !/^\d+$/.test(name.slice(prefix.length))) continue;
    assert(name !== databaseName, "a scratch database is never the live one");
    await client.db(name).dropDatabase({ writeConcern: { w: "majority" } });
  }
}

/**
 * Restores a dump into a scratch database and compares it with the live digest and catalogue.
 * @throws LockstepError `backup-mismatch`
 */
export async function loadScratch(options: {
  client: MongoClient;
  scratch: string;
  directory: string;
  manifest: Manifest;
  digest: Digests;
  signal: AbortSignal;
  seam: Seam;
  log: Log;
}): Promise<void> {
  const { client, scratch, directory, manifest, digest } = options;
  assert(scratch.includes(infix), "only a scratch database is loaded here", { scratch });
  const target = { ...options, databaseName: scratch };
  for (const from of manifest.collections) {
    await loadCollection(target, directory, manifest, from, from.name);
  }
  const found = await digestDatabase(client, scratch);
  const wrong = manifest.collections.filter((entry) => {
    const name = dataCollection(entry) ?? "";
    return found[name]?.hash !== digest[name]?.hash || found[name]?.count !== digest[name]?.count;
  });
  const catalogue = await readCatalogue(client, scratch);
  const words = [
    ...wrong.map(({ name }) => `the data of "${name}" differs`),
    ...differences({ collections: manifest.collections }, catalogue, { ignoreUuid: true }),
  ];
  if (words.length > 0) {
    throw new LockstepError(
      "backup-mismatch",
      `the restored copy is not what was backed up: ${words.join("; ")}`,
      { differences: words },
    );
  }
  options.log.info({ scratch, collections: manifest.collections.length }, "copy verified");
}
