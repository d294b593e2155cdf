import type { Collection, MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { sharedDatabaseName } from "../mongo/database-names.ts";
import { hasCode, serverErrors } from "../mongo/server-errors.ts";
import type { FaultPoints } from "../ports/fault-point.ts";

/** A fleet, and the application's database that it upgrades: one of each for the other. */
export interface Fleet {
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}

interface FleetDocument extends Fleet {
  /** The application's database in lower case: the server takes no two names that differ in case only. */
  readonly _id: string;
  /** The control database in lower case: a unique key too. */
  readonly control: string;
  /** By the database's clock. */
  readonly since: Date;
}

const majority = { writeConcern: { w: "majority", journal: true } } as const;

function fleetsOf(client: MongoClient): Collection<FleetDocument> {
  return client.db(sharedDatabaseName).collection<FleetDocument>("fleets");
}

const nameOf = (controlDatabaseName: string) =>
  controlDatabaseName.slice(sharedDatabaseName.length + 1);

/** Why a fleet cannot be that of a database, given what is registered; null where it can. Pure. */
function refusalOf(wanted: Fleet, registered: Fleet): string | null {
  const { databaseName, controlDatabaseName } = registered;
  const end = `where that fleet is gone for good, end its registration in mongosh: db.getSiblingDB("${sharedDatabaseName}").fleets.deleteOne({ databaseName: "${databaseName}" })`;
  if (controlDatabaseName !== wanted.controlDatabaseName) {
    return `"${wanted.databaseName}" is the database of the fleet "${nameOf(controlDatabaseName)}", got the fleet "${nameOf(wanted.controlDatabaseName)}": name that one with --fleet (in an application: \`fleet\`); ${end}`;
  }
  if (databaseName !== wanted.databaseName) {
    return `the fleet "${nameOf(controlDatabaseName)}" is that of the database "${databaseName}", the URL names "${wanted.databaseName}": name that one, or another fleet with --fleet; ${end}`;
  }
  return null;
}

/**
 * Refuses a fleet whose database is another fleet's, or whose name is that of another database's fleet. Reads only.
 * @returns whether this fleet is registered
 * @throws LockstepError `bad-argument`
 */
export async function requireFleet(client: MongoClient, wanted: Fleet): Promise<boolean> {
  const [_id, control] = [wanted.databaseName, wanted.controlDatabaseName].map((name) =>
    name.toLowerCase(),
  );
  const found = await fleetsOf(client)
    .find({ $or: [{ _id: _id ?? "" }, { control: control ?? "" }] })
    .toArray();
  for (const registered of found) {
    const refusal = refusalOf(wanted, registered);
    if (refusal !== null) throw new LockstepError("bad-argument", refusal, { ...wanted });
  }
  return found.length > 0;
}

/**
 * Registers a fleet as that of its database, once: both names are unique keys, so of two fleets one is.
 * @throws LockstepError `bad-argument`
 */
export async function registerFleet(
  client: MongoClient,
  fleet: Fleet,
  faultPoints: FaultPoints,
): Promise<void> {
  if (await requireFleet(client, fleet)) return;
  const { databaseName, controlDatabaseName } = fleet;
  const literals = {
    databaseName,
    controlDatabaseName,
    control: controlDatabaseName.toLowerCase(),
  };
  const fields = Object.entries(literals).map(([name, value]) => [name, { $literal: value }]);
  const fleets = fleetsOf(client);
  await fleets.createIndex({ control: 1 }, { name: "by-control", unique: true });
  await faultPoints
    .write("register-fleet", () =>
      fleets.updateOne(
        { _id: databaseName.toLowerCase(), control: { $exists: false } },
        [{ $set: { ...Object.fromEntries(fields), since: "$$NOW" } }],
        { upsert: true, ...majority },
      ),
    )
    .catch((error: unknown) => {
      if (!hasCode(error, serverErrors.duplicateKey)) throw error;
    });
  await requireFleet(client, fleet);
}
