import { mkdir, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import type { MongoClient } from "mongodb";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Reason, Role } from "../../machines/vocabulary.ts";
import { checkDeployment } from "../database/preflight.ts";
import { backupsIn } from "../database/retention.ts";
import { checkWriteBlock } from "../database/write-block.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { createLeadership } from "../leadership/leadership.ts";
import { leaseTtlFor, readElectionTimeoutMs } from "../leadership/lease.ts";
import type { Mastership } from "../leadership/mastership.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { Seam } from "../ports/seam.ts";
import { createMongoStore } from "../store/mongo-store.ts";
import type { Store } from "../store/store.ts";
import { heartbeat, isSilent, readAgents, register } from "./agents.ts";
import { connect, memberOpener } from "./connect.ts";
import { isEligible } from "./eligible.ts";
import { fleetMachines } from "./fleet-machines.ts";
import { createGate, type Gate, type GateListener } from "./gate.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createLocalJournal } from "./local-journal.ts";
import { driveCoordinator, type MasterWorld, serveInbox } from "./master-loop.ts";
import { coordinatorId, masterRole, participantPrefix } from "./names.ts";
import { backupsDirectory } from "./participant-effects.ts";
import { lookAround } from "./participant-loop.ts";
import { preflightUpgrade } from "./preflight-upgrade.ts";
import { createPulse } from "./pulse.ts";
import type { Step } from "./steps.ts";
import { initializeVersions, noVersionError, readVersions } from "./versions.ts";
import { viewOf } from "./views.ts";
import type { World } from "./world.ts";

export interface RuntimeOptions {
  readonly mongoUrl: string;
  readonly memberUrl: string | undefined;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
  readonly agent: string;
  readonly role: Role;
  readonly version: string;
  readonly steps: readonly Step[];
  readonly initialize: boolean;
  readonly gate: GateListener;
  readonly dataDirectory: string;
  readonly startable: readonly string[];
  readonly incarnationAtLeast: number;
  readonly cannotStart: Reason | null;
  readonly preventForeignWrites: boolean;
  readonly leaseTtlMs: number | undefined;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly seam: Seam;
  exit(code: number): void;
  reportReady(): void;
  writeWantedVersion(version: string): Promise<void>;
  writeDefaultVersion(version: string): Promise<void>;
}

export interface Runtime {
  readonly gate: Gate;
  readonly isMaster: boolean;
  stop(): Promise<void>;
}

async function freeBytesAt(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** Starts one process of one agent: registers it, then drives its loops until it is stopped. */
export async function startAgent(options: RuntimeOptions): Promise<Runtime> {
  const { agent, seam, lifecycle, controlDatabaseName } = options;
  const nonce = options.random.hex(4);
  const appName = `lockstep:${agent}:${nonce}`;
  const clients: MongoClient[] = [];
  const open = async (url: string, name: string) => {
    const client = await connect(url, name);
    clients.push(client);
    return client;
  };
  const closeClients = async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})));
  };

  try {
    await mkdir(options.dataDirectory, { recursive: true });
    const client = await open(options.mongoUrl, appName);
    await checkDeployment(client);
    if (options.preventForeignWrites) await checkWriteBlock(client);
    const renewClient = await open(options.mongoUrl, `${appName}:renew`);
    const memberClient = options.memberUrl
      ? await open(options.memberUrl, `${appName}:member`).catch(() => client)
      : client;
    const store = createMongoStore({ client, databaseName: controlDatabaseName, seam });
    if (options.initialize && !(await readVersions(store))) {
      await initializeVersions(store, options.version);
    }
    if (!(await readVersions(store))) throw noVersionError();
    const incarnation = await register(store, agent, {
      role: options.role,
      version: options.version,
      startable: options.startable,
      incarnationAtLeast: options.incarnationAtLeast,
      freeBytes: await freeBytesAt(options.dataDirectory),
      backups: await backupsIn(backupsDirectory(options.dataDirectory)),
      host: hostname(),
      pid: process.pid,
    });
    const log = options.log.child({ agent, incarnation, version: options.version });
    lifecycle.emit("started", { incarnation, version: options.version });
    return run(
      { ...options, log },
      { client, renewClient, memberClient, store, incarnation, appName },
      closeClients,
    );
  } catch (error) {
    await closeClients();
    throw error;
  }
}

interface Connections {
  readonly client: MongoClient;
  readonly renewClient: MongoClient;
  readonly memberClient: MongoClient;
  readonly store: Store;
  readonly incarnation: number;
  readonly appName: string;
}

async function run(
  options: RuntimeOptions,
  connections: Connections,
  closeClients: () => Promise<void>,
): Promise<Runtime> {
  const { agent, clock, seam, lifecycle, log, version, databaseName, controlDatabaseName } =
    options;
  const { client, store, incarnation } = connections;
  const stopping = new AbortController();
  const pulse = createPulse(clock, limits.observePollMs);
  const localJournal = createLocalJournal(options.dataDirectory, seam);
  const takenOver = new Map<string, number>();
  let mastership: Mastership | undefined;
  let blocked: string | null = null;
  let leaving = false;

  const gate = createGate({
    store,
    agent,
    incarnation,
    version,
    log,
    listener: {
      onOpen: async () => {
        await options.gate.onOpen();
        lifecycle.emit("gateOpened", {});
      },
      onShut: async () => {
        await options.gate.onShut();
        lifecycle.emit("gateShut", {});
      },
    },
  });

  const world: World = {
    agent,
    role: options.role,
    incarnation,
    version,
    startable: options.startable,
    steps: options.steps,
    store,
    client,
    memberClient: connections.memberClient,
    withMember: memberOpener(options.mongoUrl, connections.appName),
    databaseName,
    controlDatabaseName,
    dataDirectory: options.dataDirectory,
    foreignWrites: options.preventForeignWrites ? "prevented" : "only detected",
    localJournal,
    gate,
    clock,
    seam,
    log,
    mastership: (epoch) => (mastership?.epoch === epoch ? mastership : undefined),
    get isMaster() {
      return mastership !== undefined && !mastership.signal.aborted;
    },
    takenOverAt: (actor) => takenOver.get(actor) ?? 0,
    writeWantedVersion: options.writeWantedVersion,
    writeDefaultVersion: options.writeDefaultVersion,
    leave,
  };

  const engine: Engine = createEngine({
    store,
    clock,
    log,
    machines: fleetMachines(world),
    onStuckEffect: (effect) => {
      log.error({ effect: effect.id, name: effect.name }, "an effect ignores its signal: leaving");
      options.exit(70);
    },
  });
  engine.onTransition((entry) => {
    log.info(
      {
        actor: entry.actor,
        revision: entry.revision,
        event: entry.event.type,
        state: entry.state,
        epoch: entry.epoch,
      },
      "transition",
    );
    lifecycle.emit("transition", { entry });
    pulse.hint();
  });

  /** Whether this process may be master, as the upgrade under way stands. */
  async function mayBeMaster(): Promise<boolean> {
    const versions = await readVersions(store);
    if (!versions?.upgrade) return true;
    const tail = await store.tail(coordinatorId(versions.upgrade));
    const [agents, nowMs] = [await readAgents(store), await store.now()];
    const silent = agents.filter((record) => isSilent(record, nowMs));
    const present = new Set(agents.map((record) => record.agent));
    return isEligible(tail && viewOf<UpgradeContext>(tail), {
      agent,
      version,
      isSilent: (name) => !present.has(name) || silent.some((record) => record.agent === name),
    });
  }

  const leadership = createLeadership({
    client,
    renewClient: connections.renewClient,
    databaseName: controlDatabaseName,
    agent,
    incarnation,
    leaseTtlMs: options.leaseTtlMs ?? leaseTtlFor(await readElectionTimeoutMs(client)),
    clock,
    random: options.random,
    seam,
    log,
    appName: connections.appName,
    eligible: async () => options.role === "state-server" && !leaving && (await mayBeMaster()),
  });

  async function pass(name: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (stopping.signal.aborted) return;
      const code = isLockstepError(error) ? error.code : "database-unreachable";
      lifecycle.emit("trouble", { code, message: messageOf(error) });
      log.warn({ pass: name, code, error: messageOf(error) }, "a pass failed; it is tried again");
      await clock.sleep(limits.observePollMs, stopping.signal);
    }
  }

  async function masterLoop(held: Mastership): Promise<void> {
    mastership = held;
    lifecycle.emit("becameMaster", { epoch: held.epoch });
    await engine.own({
      owner: { kind: "role", role: masterRole },
      epoch: held.epoch,
      signal: held.signal,
      writes: [held.fence],
    });
    const sinceMs = await store.now();
    const masterWorld: MasterWorld = {
      store,
      engine,
      sinceMs,
      foreignWrites: world.foreignWrites,
      preflight: (extraBytes) => preflightUpgrade(world, extraBytes),
    };
    const masterPulse = createPulse(clock, limits.observePollMs);
    const unsubscribe = store.watch(() => masterPulse.hint());
    const either = AbortSignal.any([held.signal, stopping.signal]);
    while (!either.aborted) {
      await pass("master", async () => {
        await serveInbox(masterWorld);
        await driveCoordinator(masterWorld);
        // A master that the upgrade's next state does not allow gives the lease up.
        if (!(await mayBeMaster())) await leadership.release();
      });
      await masterPulse.wait(either);
    }
    unsubscribe();
    mastership = undefined;
    lifecycle.emit("lostMastership", { epoch: held.epoch });
  }

  async function participantLoop(): Promise<void> {
    const unsubscribe = store.watch(() => pulse.hint());
    let first = true;
    while (!stopping.signal.aborted) {
      await pass("participant", async () => {
        const look = await lookAround({
          store,
          engine,
          gate,
          agent,
          role: options.role,
          incarnation,
          version,
          steps: options.steps,
          cannotStart: options.cannotStart,
          wasTakenOver: (actor) => takenOver.has(actor),
          localJournal,
          log,
        });
        if (look.blocked !== null && look.blocked !== blocked) {
          lifecycle.emit("blocked", { why: look.blocked });
        }
        blocked = look.blocked;
        if (first) lifecycle.emit("ready", {});
        first = false;
      });
      await pulse.wait(stopping.signal);
    }
    unsubscribe();
  }

  async function heartbeatLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pass("heartbeat", async () => {
        const freeBytes = await freeBytesAt(options.dataDirectory);
        const backups = await backupsIn(backupsDirectory(options.dataDirectory));
        if (!(await heartbeat(store, agent, incarnation, { blocked, freeBytes, backups }))) {
          log.error({}, "a newer process of this agent has registered: leaving");
          leave(1);
        }
      });
      await clock.sleep(limits.heartbeatMs, stopping.signal);
    }
  }

  for (const tail of await store.tails(participantPrefix(agent))) {
    takenOver.set(tail.actor, tail.revision + 1);
  }
  await engine.own({
    owner: { kind: "pinned", agent },
    epoch: incarnation,
    signal: stopping.signal,
    writes: [],
  });
  options.reportReady();
  const loops = [participantLoop(), heartbeatLoop(), leadership.run(masterLoop)];

  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopped ??= (async () => {
      leaving = true;
      await gate.shut().catch((error) => {
        log.warn({ error: messageOf(error) }, "the gate could not be reported shut");
      });
      stopping.abort(new LockstepError("aborted", "this process is stopping"));
      pulse.hint();
      await leadership.stop();
      await engine.stop();
      await Promise.allSettled(loops);
      await store.close();
      await closeClients();
    })();
    return stopped;
  }

  function leave(exitCode: number): void {
    if (leaving) return;
    leaving = true;
    lifecycle.emit("leaving", { exitCode });
    void stop()
      .catch((error) => log.error({ error: messageOf(error) }, "could not stop in good order"))
      .finally(() => options.exit(exitCode));
  }

  return {
    gate,
    get isMaster() {
      return world.isMaster;
    },
    stop,
  };
}
