import type { MongoClient } from "mongodb";
import type { Control } from "../../leadership/fences.ts";
import type { Log } from "../../log.ts";
import { sharedDatabaseName } from "../../mongo/database-names.ts";
import type { WithMember } from "../../mongo/members.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";

/** The means to set a parameter of every member for a while, and to put it back. */
export interface MemberHold {
  readonly client: MongoClient;
  /** The place of the hold's record. */
  readonly control: Control;
  readonly withMember: WithMember;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
}

/** The place of the records of all holds of a set: its fleets share its members. */
export function setRecords(client: MongoClient): Control {
  return { client, databaseName: sharedDatabaseName };
}

/**
 * The name of a holder. It begins with its fleet's, as fleets number their upgrades alike. Pure.
 * @param name the upgrade or its effect
 */
export function holderName(controlDatabaseName: string, name: string): string {
  return `${controlDatabaseName}/${name}`;
}

/** True for a holder of this fleet. Pure. */
export function isHolderOf(controlDatabaseName: string, holder: string): boolean {
  return fleetOfHolder(holder) === controlDatabaseName;
}

/** The control database of a holder's fleet. Pure. */
export function fleetOfHolder(holder: string): string {
  return holder.split("/", 1)[0] ?? "";
}
