import { resolve } from "node:path";
import type { Role } from "../../machines/vocabulary.ts";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import {
  createLauncherVersions,
  type LauncherEnvironment,
  onStartableVersions,
  readLauncherEnvironment,
  reportAgent,
  reportDrained,
  reportDraining,
  reportOpening,
  reportReady,
  reportWaiting,
  requireHearing,
} from "../launcher/agent-side.ts";
import { type Heeding, heedLauncher } from "../launcher/heed-launcher.ts";
import { limits } from "../limits.ts";
import { createLog, type Log } from "../log.ts";
import { controlDatabaseName } from "../mongo/database-names.ts";
import { databaseNameOf } from "../mongo/database-of-url.ts";
import { type Clock, systemClock } from "../ports/clock.ts";
import { type FaultPoints, noFaults } from "../ports/fault-point.ts";
import { type Random, systemRandom } from "../ports/random.ts";
import { ownStanding } from "../ports/standing.ts";
import type { GateListener } from "../upgrade/participant/gate/gate.ts";
import { defineSteps, type Step } from "../upgrade/protocol/steps.ts";
import { startAgent } from "./agent-runtime.ts";
import { createLifecycle, type LifecycleEvents } from "./lifecycle.ts";
import { type AgentDashboard, createPage } from "./page.ts";
import type { Readiness } from "./read-only-database.ts";
import type { Runtime } from "./run-agent.ts";
import { checkAgentOptions } from "./start/agent-options.ts";
import { describeIfAsked } from "./start/describe-if-asked.ts";

export interface AgentOptions {
  /** URL of the replica set; its path is the application's database. Default: LOCKSTEP_MONGO_URL. */
  readonly mongoUrl?: string | undefined;
  /** Name of this member of the fleet. */
  readonly agent: string;
  /** Version of this build. */
  readonly version: string;
  /** The steps of each version up to this one. */
  readonly steps: readonly Step[];
  /** Starts and drains the application. Default: it does nothing. */
  readonly gate?: Partial<GateListener>;
  /**
   * How long the application may drain, in milliseconds. Then `onShut`'s signal aborts, and soon after the process ends.
   * Default: 30,000.
   */
  readonly drainTimeoutMs?: number;
  /**
   * The new build's trial before the fleet commits to it, after its local steps, with the gate shut. Where it rejects or
   * takes too long, or where its process ends in it twice, the fleet turns back. Default: none.
   */
  readonly readiness?: Readiness;
  /** The time that the readiness check may take, in milliseconds. Default: 60,000. */
  readonly readinessTimeoutMs?: number;
  /**
   * Declares that this host was provisioned at `version`, where its data directory does not know which version its
   * files match. Default: false; such a host runs the local steps of all versions up to `version` first.
   */
  readonly fresh?: boolean;
  /** The folder of copies and before-images. Default: the launcher's. */
  readonly dataDirectory?: string;
  /** "state-server" keeps copies and may become master. "machine" only follows. Default: "state-server". */
  readonly role?: Role;
  /** Name of the fleet. Default: the application's database. */
  readonly fleet?: string;
  /** URL of one member, a single host, from which this agent reads its copy. Default: the set chooses one. */
  readonly memberUrl?: string;
  /** Declares `version` for a fleet that has none. Default: false. */
  readonly initialize?: boolean;
  /**
   * Blocks every other writer of the cluster from the copies to the end of an upgrade (`setUserWriteBlockMode`). This
   * requires authentication. Default: foreign writes are only detected.
   */
  readonly preventForeignWrites?: boolean;
  /**
   * How long a silent master stays master, in milliseconds. Default: one second more than the set's election timeout.
   */
  readonly leaseTtlMs?: number;
  /**
   * Serves the page of the fleet from this process, in a thread of its own. Trouble of the page is a warning in the log,
   * and stops nothing else. Default: no page.
   */
  readonly dashboard?: AgentDashboard;
  /** The agent's log. Default: one JSON object a line on standard output, from level "info" on. */
  readonly log?: Log;
  /** Ports for tests. Default: the real ones. */
  readonly ports?: Partial<Ports>;
}

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly faultPoints: FaultPoints;
  /** Ends the process. */
  exit(code: number): void;
}

/** One member of the fleet, for the application that embeds it. */
export interface Agent {
  readonly name: string;
  readonly version: string;
  readonly gate: { readonly isOpen: boolean };
  readonly isMaster: boolean;
  /** The address of its page while that is served, or null. */
  readonly dashboardUrl: string | null;
  /** Calls the listener at each event of this name. Returns how to stop. */
  on<Name extends keyof LifecycleEvents>(
    name: Name,
    listener: (payload: LifecycleEvents[Name]) => void,
  ): () => void;
  /**
   * Registers this agent, then does its part in upgrades until `stop`. It first waits for the fleet's version, if none is
   * declared.
   * @throws LockstepError `database-unreachable`, `no-majority`, `not-a-replica-set`, `bad-argument`,
   *   `directory-taken`, `name-taken`
   */
  start(): Promise<void>;
  /** Drains the gate, gives the lease up and ends all work of this agent. */
  stop(): Promise<void>;
}

/** An expected failure as a program prints it that does not catch it: by its code and message, without our calls. */
function withoutCalls(error: unknown): unknown {
  if (isLockstepError(error)) error.stack = `${error.name}: ${error.code}: ${error.message}`;
  return error;
}

/** @throws LockstepError `bad-argument` */
function directoryOf(options: AgentOptions, launched: LauncherEnvironment | undefined): string {
  const dataDirectory = options.dataDirectory ?? launched?.dataDirectory;
  if (dataDirectory === undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected a dataDirectory, or a launcher that names one, found neither: name a folder for backups and before-images",
    );
  }
  const directory = resolve(dataDirectory);
  // The launcher would look for the wanted version in another folder and never find it.
  if (launched && resolve(launched.dataDirectory) !== directory) {
    throw new LockstepError(
      "bad-argument",
      `expected the launcher's data directory, ${resolve(launched.dataDirectory)}, got ${directory}: leave dataDirectory out`,
    );
  }
  return directory;
}

/** The facts that a launcher gives to its agent, or those of an agent without one. */
function launchedFacts(launched: LauncherEnvironment | undefined) {
  return {
    startable: launched?.startableVersions ?? [],
    isLaunched: launched !== undefined,
    incarnationAtLeast: launched?.incarnation ?? 1,
    cannotStart: launched?.cannotStart ?? null,
    safeMode: launched?.safeMode ?? null,
  };
}

/** The options of the application, with their defaults. */
function withDefaults(options: AgentOptions) {
  return {
    ...{ agent: options.agent, version: options.version, memberUrl: options.memberUrl },
    role: options.role ?? "state-server",
    initialize: options.initialize ?? false,
    gate: {
      onOpen: options.gate?.onOpen ?? (() => {}),
      onShut: options.gate?.onShut ?? (() => {}),
    },
    readiness: options.readiness ?? null,
    readinessTimeoutMs: options.readinessTimeoutMs ?? limits.readinessTimeoutMs,
    fresh: options.fresh ?? false,
    drainTimeoutMs: options.drainTimeoutMs ?? limits.drainTimeoutMsDefault,
    preventForeignWrites: options.preventForeignWrites ?? false,
    leaseTtlMs: options.leaseTtlMs,
  };
}

/** The channel to the launcher of this process, which leads nowhere where there is none. */
const launcherChannel = {
  onStartableVersions,
  reportWaiting,
  reportDraining,
  reportDrained,
  reportOpening,
};

/**
 * Leaves once the launcher has ended: nobody else could end a process that hangs, and the next launcher starts another.
 * @throws LockstepError `bad-argument`
 */
function leaveWithLauncher(heeding: Heeding, log: Log): void {
  requireHearing(ownStanding());
  const onGone = () => {
    log.warn({}, "the launcher has ended: leaving");
    heeding.onGone();
  };
  heedLauncher({ ...heeding, onGone });
}

/**
 * Makes one member of the fleet.
 * @throws LockstepError `bad-argument`, `version-not-semver`, `duplicate-step`
 */
export function createAgent(options: AgentOptions): Agent {
  const exit = options.ports?.exit ?? ((code) => process.exit(code));
  describeIfAsked(options, process.env, exit);
  checkAgentOptions(options);
  const steps = defineSteps(options.steps);
  const launched = readLauncherEnvironment(process.env);
  const directory = directoryOf(options, launched);
  const mongoUrl = options.mongoUrl ?? process.env["LOCKSTEP_MONGO_URL"]?.trim() ?? "";
  const databaseName = databaseNameOf(mongoUrl);
  const controlDatabase = controlDatabaseName(options.fleet ?? databaseName);
  const log = options.log ?? createLog({});
  const lifecycle = createLifecycle((error) => {
    log.error({ agent: options.agent, error: messageOf(error) }, "a listener threw");
  });
  const faultPoints = options.ports?.faultPoints ?? noFaults;
  const versions = createLauncherVersions(directory, faultPoints);
  const clock = options.ports?.clock ?? systemClock;
  let running: Runtime | undefined;
  const page = createPage(options, { mongoUrl, databaseName }, { clock, log });
  let stopping = new AbortController();
  return {
    name: options.agent,
    version: options.version,
    get gate() {
      return { isOpen: running?.gate.isOpen ?? false };
    },
    get isMaster() {
      return running?.isMaster ?? false;
    },
    get dashboardUrl() {
      return page.url;
    },
    on: lifecycle.on,
    async start() {
      reportAgent(options.agent);
      stopping = new AbortController();
      const { signal } = stopping;
      if (launched) {
        const onGone = () => (running ? running.leave(0) : exit(0));
        const ownLog = log.child({ agent: options.agent });
        leaveWithLauncher({ ...launched, clock, signal, onGone }, ownLog);
      }
      page.start();
      const starting = startAgent({
        ...{ mongoUrl, databaseName },
        controlDatabaseName: controlDatabase,
        ...withDefaults(options),
        steps,
        dataDirectory: directory,
        ...launchedFacts(launched),
        ...{ lifecycle, log, clock, faultPoints, exit },
        random: options.ports?.random ?? systemRandom,
        reportReady: () => reportReady(options.version),
        ...{ signal, ...launcherChannel },
        writeWantedVersion: versions.writeWanted,
        writeDefaultVersion: versions.writeDefault,
      });
      running = await starting.catch((error: unknown) => {
        stopping.abort();
        void page.stop();
        throw withoutCalls(error);
      });
    },
    async stop() {
      stopping.abort();
      await Promise.all([running?.stop(), page.stop()]);
      running = undefined;
    },
  };
}
