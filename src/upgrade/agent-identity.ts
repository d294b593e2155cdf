import type { Reason, Role } from "../../machines/vocabulary.ts";
import type { Store } from "../journal/store.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import type { UpgradeDatabase } from "./database/upgrade-database.ts";
import type { LocalJournal } from "./participant/local/local-journal.ts";
import type { Step } from "./protocol/steps.ts";
import type { UpgradeSpans } from "./upgrade-spans.ts";

/** One process of one agent, with what its build brings. */
export interface AgentIdentity {
  readonly agent: string;
  readonly role: Role;
  /** Grows with each process of the agent. */
  readonly incarnation: number;
  readonly version: string;
  /** The versions that its launcher can start. */
  readonly startable: readonly string[];
  readonly steps: readonly Step[];
  readonly dataDirectory: string;
}

/** The ports by which an agent's process reaches the world. */
export interface AgentPorts {
  readonly store: Store;
  readonly database: UpgradeDatabase;
  readonly localJournal: LocalJournal;
  readonly clock: Clock;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
  /** Default: no spans. */
  readonly spans?: UpgradeSpans | null | undefined;
}

/** The launcher's choice of versions on this host. */
export interface HostVersions {
  /**
   * Has the launcher start a version, once this process has left.
   * @param because why this build hands over, where it does
   */
  writeWantedVersion(version: string, because?: Reason): Promise<void>;
  /** Makes a version the one that the launcher starts by default, and falls back to. */
  writeDefaultVersion(version: string): Promise<void>;
}
