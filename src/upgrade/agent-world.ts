import type { ForeignWritesPolicy } from "../../machines/vocabulary.ts";
import type { FailureDetector } from "../control/failure-detector.ts";
import type { Mastership } from "../leadership/mastership.ts";
import type { AgentIdentity, AgentPorts, HostVersions } from "./agent-identity.ts";
import type { Gate } from "./participant/gate/gate.ts";
import type { ReadinessCheck } from "./participant/readiness.ts";

/** The means of the effects of both machines: one process of one agent. */
export interface AgentWorld extends AgentIdentity, AgentPorts, HostVersions {
  readonly foreignWrites: ForeignWritesPolicy;
  /** The application's readiness check, or null where it has none. */
  readonly readiness: ReadinessCheck | null;
  readonly readinessTimeoutMs: number;
  readonly gate: Gate;
  readonly failureDetector: FailureDetector;
  /** Proof of being master at this epoch, or undefined. */
  mastership(epoch: number): Mastership | undefined;
  isMaster(): boolean;
  /** The journal revision at which this process took the actor over. */
  takenOverAt(actor: string): number;
  /** Says why the end of an upgrade cannot be written down on this host, or null once it is. */
  cannotEnd(why: string | null): void;
  /** Ends this process in good order, with the exit code. */
  leave(exitCode: number): void;
}
