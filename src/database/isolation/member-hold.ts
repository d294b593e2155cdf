import type { MongoClient } from "mongodb";
import type { Control } from "../../leadership/fences.ts";
import type { Log } from "../../log.ts";
import type { WithMember } from "../../mongo/members.ts";
import type { FaultPoints } from "../../ports/fault-point.ts";

/** The means to set a parameter of every member for a while, and to put it back. */
export interface MemberHold {
  readonly client: MongoClient;
  /** Where the hold is written down. */
  readonly control: Control;
  readonly withMember: WithMember;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
}
