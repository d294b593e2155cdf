import type { MongoClient } from "mongodb";
import type { ForeignWritesPolicy, Reason, Role } from "../../machines/vocabulary.ts";
import type { FailureDetector } from "../control/failure-detector.ts";
import type { Store } from "../journal/store.ts";
import type { Mastership } from "../leadership/mastership.ts";
import type { Log } from "../log.ts";
import type { WithMember } from "../mongo/members.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import type { Gate } from "./participant/gate.ts";
import type { LocalJournal } from "./participant/local-journal.ts";
import type { Step } from "./protocol/steps.ts";

/** The means of the effects of both machines: one process of one agent. */
export interface World {
  readonly agent: string;
  readonly role: Role;
  readonly incarnation: number;
  readonly version: string;
  readonly startable: readonly string[];
  readonly steps: readonly Step[];
  readonly store: Store;
  readonly dataDirectory: string;
  /** Why the end of an upgrade cannot be written down on this host, or null once it is. */
  cannotEnd(why: string | null): void;
  readonly foreignWrites: ForeignWritesPolicy;
  readonly localJournal: LocalJournal;
  readonly gate: Gate;
  readonly failureDetector: FailureDetector;
  readonly clock: Clock;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
  /** Proof of being master at this epoch, or undefined. */
  mastership(epoch: number): Mastership | undefined;
  isMaster(): boolean;
  /** The journal revision at which this process took the actor over. */
  takenOverAt(actor: string): number;
  /** @param because why this build hands over, where it does */
  writeWantedVersion(version: string, because?: Reason): Promise<void>;
  writeDefaultVersion(version: string): Promise<void>;
  /** Ends this process in good order, with the exit code. */
  leave(exitCode: number): void;
}

/** The application's database, and what reaches it. */
export interface Connections {
  readonly client: MongoClient;
  /** A client of this agent's own member, for its dump. */
  readonly memberClient: MongoClient;
  readonly withMember: WithMember;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}

export type DatabaseWorld = World & Connections;
