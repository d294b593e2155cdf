import { resolve } from "node:path";
import type { Role } from "../../machines/vocabulary.ts";
import { requireSemver } from "../control/versions.ts";
import { requireName } from "../entity-names.ts";
import { LockstepError, messageOf } from "../errors.ts";
import {
  createLauncherVersions,
  readLauncherEnvironment,
  reportDatabaseAway,
  reportReady,
} from "../launcher/agent-side.ts";
import { createLog, type Log } from "../log.ts";
import { databaseNameOf } from "../mongo/database-name.ts";
import { controlDatabaseName } from "../mongo/database-names.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { type FaultPoints, noFaults } from "../ports/fault-point.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import type { GateListener } from "../upgrade/participant/gate.ts";
import { defineSteps, type Step } from "../upgrade/protocol/steps.ts";
import { startAgent } from "./agent-runtime.ts";
import { createLifecycle, type LifecycleEvents } from "./lifecycle.ts";

export interface AgentOptions {
  /** URL of the replica set; its path is the application's database. Default: LOCKSTEP_MONGO_URL. */
  readonly mongoUrl?: string | undefined;
  /** Name of this member of the fleet. */
  readonly agent: string;
  /** Version of this build. */
  readonly version: string;
  /** What each version up to this one changes. */
  readonly steps: readonly Step[];
  /** Starts and drains the application. Default: nothing is started. */
  readonly gate?: Partial<GateListener>;
  /** Where copies and before-images go. Default: what the launcher says. */
  readonly dataDirectory?: string;
  /** "state-server" keeps copies and may become master, "machine" only follows. Default: "state-server". */
  readonly role?: Role;
  /** Name of the fleet. Default: the application's database. */
  readonly fleet?: string;
  /** URL of one member, a single host, from which the copy is read. Default: the set chooses one. */
  readonly memberUrl?: string;
  /** Declares `version` for a fleet that has none. Default: false. */
  readonly initialize?: boolean;
  /**
   * Shuts out every other writer of the cluster from the copies to the end of an upgrade
   * (`setUserWriteBlockMode`); wants authentication. Default: foreign writes are only detected.
   */
  readonly preventForeignWrites?: boolean;
  /** How long a silent master stays master, in milliseconds. Default: one second more than the set's election timeout. */
  readonly leaseTtlMs?: number;
  /** Default: one JSON object a line on standard output, from level "info" on. */
  readonly log?: Log;
  /** For tests. Default: the real ones. */
  readonly ports?: Partial<Ports>;
}

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly faultPoints: FaultPoints;
  /** Ends the process. */
  exit(code: number): void;
}

/** One member of the fleet, as the application that embeds it sees it. */
export interface Agent {
  readonly name: string;
  readonly version: string;
  readonly gate: { readonly isOpen: boolean };
  readonly isMaster: boolean;
  /** Calls back at each event of this name. Returns how to stop. */
  on<Name extends keyof LifecycleEvents>(
    name: Name,
    listener: (payload: LifecycleEvents[Name]) => void,
  ): () => void;
  /**
   * Registers, then drives its part until `stop`.
   * @throws LockstepError `database-unreachable`, `no-majority`, `not-a-replica-set`, `no-version`, `bad-argument`
   */
  start(): Promise<void>;
  /** Drains the gate, gives the lease up, ends in good order. */
  stop(): Promise<void>;
}

/**
 * Makes one member of the fleet.
 * @throws LockstepError `bad-argument`, `version-not-semver`, `duplicate-step`
 */
export function createAgent(options: AgentOptions): Agent {
  requireName("agent", options.agent);
  requireSemver(options.version);
  const steps = defineSteps(options.steps);
  const launched = readLauncherEnvironment(process.env);
  const dataDirectory = options.dataDirectory ?? launched?.dataDirectory;
  if (dataDirectory === undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected a dataDirectory, or a launcher that names one: backups and before-images go there",
    );
  }
  const directory = resolve(dataDirectory);
  // The launcher would look for the version wanted in another place, and never find it.
  if (launched && resolve(launched.dataDirectory) !== directory) {
    throw new LockstepError(
      "bad-argument",
      `expected the launcher's data directory, ${resolve(launched.dataDirectory)}, got ${directory}: leave dataDirectory out where a launcher names it`,
    );
  }
  const mongoUrl = options.mongoUrl ?? process.env["LOCKSTEP_MONGO_URL"]?.trim() ?? "";
  const databaseName = databaseNameOf(mongoUrl);
  const controlDatabase = controlDatabaseName(options.fleet ?? databaseName);
  const log = options.log ?? createLog({});
  const lifecycle = createLifecycle((error) => {
    log.error({ agent: options.agent, error: messageOf(error) }, "a listener threw");
  });
  const faultPoints = options.ports?.faultPoints ?? noFaults;
  const versions = createLauncherVersions(directory, faultPoints);
  let running: Awaited<ReturnType<typeof startAgent>> | undefined;
  return {
    name: options.agent,
    version: options.version,
    get gate() {
      return { isOpen: running?.gate.isOpen ?? false };
    },
    get isMaster() {
      return running?.isMaster ?? false;
    },
    on: lifecycle.on,
    async start() {
      running = await startAgent({
        mongoUrl,
        memberUrl: options.memberUrl,
        databaseName,
        controlDatabaseName: controlDatabase,
        agent: options.agent,
        role: options.role ?? "state-server",
        version: options.version,
        steps,
        initialize: options.initialize ?? false,
        gate: {
          onOpen: options.gate?.onOpen ?? (() => {}),
          onShut: options.gate?.onShut ?? (() => {}),
        },
        dataDirectory: directory,
        startable: launched?.startableVersions ?? [options.version],
        incarnationAtLeast: launched?.incarnation ?? 1,
        cannotStart: launched?.cannotStart ?? null,
        preventForeignWrites: options.preventForeignWrites ?? false,
        leaseTtlMs: options.leaseTtlMs,
        lifecycle,
        log,
        clock: options.ports?.clock ?? systemClock,
        random: options.ports?.random ?? systemRandom,
        faultPoints,
        exit: options.ports?.exit ?? ((code) => process.exit(code)),
        reportReady: () => reportReady(options.version),
        reportDatabaseAway,
        writeWantedVersion: versions.writeWanted,
        writeDefaultVersion: versions.writeDefault,
      });
    },
    async stop() {
      await running?.stop();
      running = undefined;
    },
  };
}
