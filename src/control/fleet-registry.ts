import type { Collection, MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { sharedDatabaseName } from "../mongo/database-names.ts";
import { majority } from "../mongo/majority.ts";
import { hasCode, serverErrors } from "../mongo/server-errors.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import { fields, text } from "../shape.ts";

/** A fleet and the application's database that it upgrades. Neither has a second one of the other. */
export interface Fleet {
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}

interface FleetDocument extends Fleet {
  /** The application's database in lower case, as the server refuses two names that differ in case only. */
  readonly _id: string;
  /** The control database in lower case. It is a unique key, too. */
  readonly control: string;
  /** The moment of its registration, by the database's clock. */
  readonly since: Date;
}

function fleetsOf(client: MongoClient): Collection<FleetDocument> {
  return client.db(sharedDatabaseName).collection<FleetDocument>("fleets");
}

/** The name of a fleet, by its control database. Pure. */
export function nameOf({ controlDatabaseName }: Pick<Fleet, "controlDatabaseName">): string {
  return controlDatabaseName.slice(sharedDatabaseName.length + 1);
}

/** Some of the fleets that are registered in this replica set. It only reads. */
export async function registeredFleets(client: MongoClient): Promise<readonly Fleet[]> {
  const found = await fleetsOf(client).find().limit(limits.namesShownMax).toArray();
  return found.filter((registered) => registration(registered, "") === null);
}

/** Those of these control databases whose fleet is registered, in lower case. It only reads. */
export async function registeredControls(
  client: MongoClient,
  controls: readonly string[],
): Promise<readonly string[]> {
  const keys = controls.map((name) => name.toLowerCase());
  const found = await fleetsOf(client)
    .find({ control: { $in: keys } })
    .toArray();
  return found.map(({ control }) => control);
}

const registration = fields<Fleet & { readonly control: string }>({
  ...{ databaseName: text, controlDatabaseName: text, control: text },
});

/** Refuses a registration that says nothing of its fleet: no fleet can be compared with it. Pure. */
function requireRegistration(found: FleetDocument): void {
  const wrong = registration(found, "");
  if (wrong === null) return;
  const id = String(found._id);
  throw new LockstepError(
    "record-broken",
    `the record "${id}" of \`fleets\` in the database "${sharedDatabaseName}" is broken: ${wrong}: put it right in mongosh, or delete it, and the fleet's next command registers it anew`,
    { collection: "fleets", id },
  );
}

/** Why a fleet and a database do not belong together, given the registered ones; else null. Pure. */
function refusalOf(wanted: Fleet, registered: Fleet): string | null {
  const { databaseName, controlDatabaseName } = registered;
  const end = `where that fleet is gone for good, end its registration in mongosh: db.getSiblingDB("${sharedDatabaseName}").fleets.deleteOne({ databaseName: "${databaseName}" })`;
  const isSameDatabase = databaseName.toLowerCase() === wanted.databaseName.toLowerCase();
  if (isSameDatabase && controlDatabaseName !== wanted.controlDatabaseName) {
    return `"${wanted.databaseName}" is the database of the fleet "${nameOf(registered)}", got the fleet "${nameOf(wanted)}": name that one with --fleet (in an application: \`fleet\`); ${end}`;
  }
  if (databaseName !== wanted.databaseName) {
    return `the fleet "${nameOf(registered)}" belongs to the database "${databaseName}", but the URL names "${wanted.databaseName}": name that one, or another fleet with --fleet; ${end}`;
  }
  return null;
}

/**
 * Refuses a fleet whose database belongs to another fleet, or whose name belongs to the fleet of another database. It
 * only reads.
 * @returns whether this fleet is registered
 * @throws LockstepError `bad-argument`, `record-broken`
 */
export async function requireFleet(client: MongoClient, wanted: Fleet): Promise<boolean> {
  const [_id, control] = [wanted.databaseName, wanted.controlDatabaseName].map((name) =>
    name.toLowerCase(),
  );
  const found = await fleetsOf(client)
    .find({ $or: [{ _id: _id ?? "" }, { control: control ?? "" }] })
    .toArray();
  for (const registered of found) {
    requireRegistration(registered);
    const refusal = refusalOf(wanted, registered);
    if (refusal !== null) throw new LockstepError("bad-argument", refusal, { ...wanted });
  }
  return found.length > 0;
}

/**
 * Registers a fleet and its database once. Both names are unique keys, so only one of two fleets succeeds.
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
