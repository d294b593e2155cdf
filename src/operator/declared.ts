import { type Fleet, nameOf, registeredFleets } from "../control/fleet-registry.ts";
import { readVersions } from "../control/versions.ts";
import { LockstepError } from "../errors.ts";
import type { Versions } from "../journal/store.ts";
import type { OpenFleet } from "./open-fleet.ts";

/** The error of a fleet that nobody has declared. It names the fleets that are. Pure. */
function notDeclared(wanted: Fleet, registered: readonly Fleet[]): LockstepError {
  const name = nameOf(wanted);
  const isDefault = name === wanted.databaseName;
  const others = registered
    .filter(({ controlDatabaseName }) => controlDatabaseName !== wanted.controlDatabaseName)
    .map((fleet) => `"${nameOf(fleet)}" of the database "${fleet.databaseName}"`);
  const found = others.length === 0 ? "" : `; declared are ${others.join(", ")}`;
  const correct = others.length === 0 ? "" : "correct the URL or --fleet, or ";
  return new LockstepError(
    "no-version",
    `no version is declared for the fleet "${name}" of the database "${wanted.databaseName}"${found}: ${correct}run \`lockstep init VERSION${isDefault ? "" : ` --fleet ${name}`}\` once`,
    { fleet: name, databaseName: wanted.databaseName },
  );
}

/**
 * Refuses a fleet that nobody has declared, before anything of it is written. It only reads.
 * @throws LockstepError `no-version`, `record-broken`
 */
export async function requireDeclared(
  fleet: Pick<OpenFleet, "client" | "store" | keyof Fleet>,
): Promise<Versions> {
  const versions = await readVersions(fleet.store);
  if (versions) return versions;
  throw notDeclared(fleet, await registeredFleets(fleet.client));
}
