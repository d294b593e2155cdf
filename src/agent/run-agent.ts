import type { Reason } from "../../machines/vocabulary.ts";
import type { LeaseStore } from "../leadership/lease.ts";
import type { Random } from "../ports/random.ts";
import type { AgentIdentity, AgentPorts, HostVersions } from "../upgrade/agent-identity.ts";
import type { DrainPorts } from "../upgrade/participant/gate/drain.ts";
import type { Gate, GateListener } from "../upgrade/participant/gate/gate.ts";
import type { ReadinessCheck } from "../upgrade/participant/readiness.ts";
import { AgentProcess } from "./agent-process.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** The identity of one process of one agent, and its means of acting on its host. */
export interface AgentProcessOptions
  extends AgentIdentity,
    HostVersions,
    Omit<DrainPorts, "clock" | "leaveUndrained"> {
  readonly gate: GateListener;
  readonly readiness: ReadinessCheck | null;
  readonly readinessTimeoutMs: number;
  readonly cannotStart: Reason | null;
  /** Why the launcher has started this process in safe mode, or null. */
  readonly safeMode: Reason | null;
  /** Tells the launcher how an opening goes. */
  reportOpening(state: "begun" | "done" | "failed"): Promise<void>;
  /** True where the files of a host that does not know their version match this build's. */
  readonly fresh: boolean;
  readonly preventForeignWrites: boolean;
  readonly leaseTtlMs: number;
  /** The name of this process at the server. A successor ends the sessions of that name. */
  readonly appName: string;
  readonly lifecycle: Lifecycle;
  exit(code: number): void;
  reportReady(): void;
  /** Calls the listener when the launcher can start other versions than before. Answers with how to stop that. */
  onStartableVersions(listener: (versions: readonly string[]) => void): () => void;
}

/** The ports of one process. */
export interface RunPorts extends AgentPorts {
  readonly leases: LeaseStore;
  readonly random: Random;
  endPredecessor(appName: string): Promise<number>;
  /** Closes the connections of this process. */
  close(): Promise<void>;
}

export interface Runtime {
  readonly gate: Gate;
  readonly isMaster: boolean;
  stop(): Promise<void>;
  /** Stops, then ends this process. */
  leave(exitCode: number): void;
}

/** Drives the loops of one registered process of one agent until it is stopped. */
export async function runAgent(options: AgentProcessOptions, ports: RunPorts): Promise<Runtime> {
  const process = new AgentProcess(options, ports, await ports.store.now());
  await process.start();
  return process;
}
