import type { Reason, Role } from "../../machines/vocabulary.ts";
import type { Store } from "../journal/store.ts";
import type { LeaseStore } from "../leadership/lease.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import type { Random } from "../ports/random.ts";
import type { DatabaseSide } from "../upgrade/database-side.ts";
import type { Gate, GateListener } from "../upgrade/participant/gate.ts";
import type { LocalJournal } from "../upgrade/participant/local-journal.ts";
import type { Step } from "../upgrade/protocol/steps.ts";
import { AgentProcess } from "./agent-process.ts";
import type { Lifecycle } from "./lifecycle.ts";

/** The identity of one process of one agent, and its means of acting on its host. */
export interface AgentProcessOptions {
  readonly agent: string;
  readonly role: Role;
  readonly version: string;
  readonly incarnation: number;
  readonly steps: readonly Step[];
  readonly gate: GateListener;
  readonly dataDirectory: string;
  readonly startable: readonly string[];
  readonly cannotStart: Reason | null;
  readonly preventForeignWrites: boolean;
  readonly leaseTtlMs: number;
  /** Name of this process: a successor ends what it has open. */
  readonly appName: string;
  readonly lifecycle: Lifecycle;
  exit(code: number): void;
  reportReady(): void;
  writeWantedVersion(version: string, because?: Reason): Promise<void>;
  writeDefaultVersion(version: string): Promise<void>;
}

/** The ports of one process. */
export interface RunPorts {
  readonly store: Store;
  readonly leases: LeaseStore;
  endPredecessor(appName: string): Promise<number>;
  readonly database: DatabaseSide;
  readonly localJournal: LocalJournal;
  readonly clock: Clock;
  readonly random: Random;
  readonly faultPoints: FaultPoints;
  readonly log: Log;
  /** Closes what was opened for this process. */
  close(): Promise<void>;
}

export interface Runtime {
  readonly gate: Gate;
  readonly isMaster: boolean;
  stop(): Promise<void>;
}

/** Drives the loops of one registered process of one agent until it is stopped. */
export async function runAgent(options: AgentProcessOptions, ports: RunPorts): Promise<Runtime> {
  const process = new AgentProcess(options, ports, await ports.store.now());
  await process.start();
  return process;
}
