import type { Reason, Role } from "../../machines/vocabulary.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { isFileTrouble, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { exitForStuckEffect, exitForVersionChange } from "../launcher/agent-side.ts";
import { createLeadership, type Leadership } from "../leadership/leadership.ts";
import type { LeaseStore } from "../leadership/lease.ts";
import type { Mastership } from "../leadership/mastership.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../ports/clock.ts";
import { linkController } from "../ports/linked-controller.ts";
import { createPulse } from "../ports/wake-up.ts";
import type { Random } from "../ports/random.ts";
import type { Seam } from "../ports/fault-point.ts";
import { collections, type Store } from "../journal/store.ts";
import { type Holdings, heartbeat } from "../control/agents.ts";
import type { DatabaseSide } from "../upgrade/database-side.ts";
import { fleetMachines } from "../upgrade/fleet-machines.ts";
import { createGate, type Gate, type GateListener } from "../upgrade/participant/gate.ts";
import { createHearing } from "../control/failure-detector.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { LocalJournal } from "../upgrade/participant/local-journal.ts";
import { driveCoordinator, type MasterWorld, serveInbox } from "../upgrade/coordinator/master-loop.ts";
import { coordinatorPrefix, masterRole, participantPrefix, participantsPrefix } from "../control/names.ts";
import { guardGate, lookAround } from "../upgrade/participant/participant-loop.ts";
import type { Step } from "../upgrade/protocol/steps.ts";
import { mayBeMaster, readUnderWay, type UnderWay } from "../upgrade/coordinator/active-upgrade.ts";
import type { World } from "../upgrade/world.ts";

/** What one process of one agent is, and what it does to its host. */
export interface RunOptions {
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

/** What it reaches the world through. */
export interface RunPorts {
  readonly store: Store;
  readonly leases: LeaseStore;
  endPredecessor(appName: string): Promise<number>;
  readonly database: DatabaseSide;
  readonly localJournal: LocalJournal;
  readonly clock: Clock;
  readonly random: Random;
  readonly seam: Seam;
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
export async function runAgent(options: RunOptions, ports: RunPorts): Promise<Runtime> {
  const { agent, lifecycle, version, incarnation } = options;
  const { store, database, localJournal, clock, log } = ports;
  const hearing = createHearing(clock, await store.now());
  const stopping = new AbortController();
  const pulse = createPulse(clock);
  /** Of the versions, which decide whether the gate may be open. */
  const gatePulse = createPulse(clock);
  /** Of this agent's record: it is told before the next heartbeat. */
  const news = createPulse(clock);
  const takenOver = new Map<string, number>();
  let mastership: Mastership | undefined;
  let blocked: string | null = null;
  let unended: string | null = null;
  /** Why the upgrade under way is not for this build, or null. */
  let notRead: string | null = null;
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
    dataDirectory: options.dataDirectory,
    foreignWrites: options.preventForeignWrites ? "prevented" : "only detected",
    localJournal,
    gate,
    hearing,
    clock,
    seam: ports.seam,
    log,
    mastership: (epoch) => (mastership?.epoch === epoch ? mastership : undefined),
    get isMaster() {
      return mastership !== undefined && !mastership.signal.aborted;
    },
    takenOverAt: (actor) => takenOver.get(actor) ?? 0,
    cannotEnd(why) {
      unended = why;
    },
    writeWantedVersion: options.writeWantedVersion,
    writeDefaultVersion: options.writeDefaultVersion,
    leave,
  };

  const engine: Engine = createEngine({
    store,
    clock,
    log,
    machines: fleetMachines(world, database),
    build: version,
    onStuckEffect: (effect) => {
      log.error({ effect: effect.id, name: effect.name }, "an effect ignores its signal: leaving");
      options.exit(exitForStuckEffect);
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

  const leadership: Leadership = createLeadership({
    leases: ports.leases,
    endPredecessor: ports.endPredecessor,
    agent,
    incarnation,
    leaseTtlMs: options.leaseTtlMs,
    clock,
    random: ports.random,
    log,
    appName: options.appName,
    eligible: async () => !leaving && (await readSlot()).mayLead,
  });

  /**
   * The upgrade under way, and whether this process may be master: never of one that this build cannot read. An old
   * upgrade that it cannot read keeps nobody from it.
   */
  async function readSlot(): Promise<{ underWay?: UnderWay | undefined; mayLead: boolean }> {
    try {
      const underWay = await readUnderWay(store, hearing);
      notRead = null;
      return { underWay, mayLead: mayBeMaster(underWay, options) };
    } catch (error) {
      const isUnread = isLockstepError(error, "entry-not-readable");
      if (!isUnread && !isLockstepError(error, "record-broken")) throw error;
      if (notRead !== error.message)
        log.warn({ error: error.message }, "the lease is not for this build");
      notRead = error.message;
      return { mayLead: false };
    }
  }

  async function pass(name: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (stopping.signal.aborted) return;
      const code = isLockstepError(error) ? error.code : "database-unreachable";
      lifecycle.emit("trouble", { code, message: messageOf(error) });
      log.warn({ pass: name, code, error: messageOf(error) }, "a pass failed; it is tried again");
      await clock.sleep(limits.passRetryMs, stopping.signal);
    }
  }

  async function masterLoop(held: Mastership): Promise<void> {
    mastership = held;
    lifecycle.emit("becameMaster", { epoch: held.epoch });
    await engine.own({
      owner: { kind: "role", role: masterRole },
      prefix: coordinatorPrefix,
      epoch: held.epoch,
      signal: held.signal,
      writes: [held.fence],
    });
    const masterWorld: MasterWorld = {
      store,
      engine,
      hearing,
      foreignWrites: world.foreignWrites,
      log,
      preflight: (extra) => database.preflight(world, extra),
    };
    let passedOver = 0;
    const masterPulse = createPulse(clock);
    const unsubscribe = store.watch(() => masterPulse.hint());
    const { controller, unlink } = linkController([held.signal, stopping.signal]);
    while (!controller.signal.aborted) {
      await pass("inbox", async () => {
        const served = await serveInbox(masterWorld, passedOver);
        passedOver = served.passedOver;
        // The upgrade has its turn in between, so that no number of requests keeps it waiting.
        if (served.isMore) masterPulse.hint();
      });
      await pass("master", async () => {
        const { underWay, mayLead } = await readSlot();
        // A master that the upgrade's state does not allow gives the lease up.
        if (!mayLead) await leadership.release();
        else if (underWay) await driveCoordinator(masterWorld, underWay);
      });
      await masterPulse.wait(limits.masterPollMs, controller.signal);
    }
    unlink();
    unsubscribe();
    mastership = undefined;
    lifecycle.emit("lostMastership", { epoch: held.epoch });
  }

  async function participantLoop(): Promise<void> {
    // What other agents' participants do is the coordinator's business alone.
    const unsubscribe = store.watch((what) => {
      if (what === collections.versions || what === "") gatePulse.hint();
      if (what === collections.leases) leadership.hint();
      else if (!what.startsWith(participantsPrefix)) pulse.hint();
    });
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
          startable: options.startable,
          cannotStart: options.cannotStart,
          writeWantedVersion: options.writeWantedVersion,
          leave: () => leave(exitForVersionChange),
          wasTakenOver: (actor) => takenOver.has(actor),
          localJournal,
          log,
        }).catch((error: unknown) => {
          if (!isFileTrouble(error)) throw error;
          return { blocked: error.message, failed: true };
        });
        const why = look.blocked ?? unended;
        if (why !== null && why !== blocked) {
          log.warn({ why }, "blocked");
          lifecycle.emit("blocked", { why });
        }
        if (why !== blocked) news.hint();
        blocked = why;
        if ("failed" in look) return;
        if (first) lifecycle.emit("ready", {});
        first = false;
      });
      await pulse.wait(limits.participantPollMs, stopping.signal);
    }
    unsubscribe();
  }

  async function gateLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pass("gate", () => guardGate({ store, gate, version, log }));
      await gatePulse.wait(limits.participantPollMs, stopping.signal);
    }
  }

  let holdings: Holdings | undefined;
  let isAsking = false;
  /** Beside the heartbeat: a disk that hangs must not silence an agent whose gate may be open. */
  async function askDisk(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    try {
      const found = await database.holdings(world);
      const isNews =
        found.backups.join() !== holdings?.backups.join() ||
        found.memberTrouble !== holdings?.memberTrouble;
      if (isNews) news.hint();
      holdings = found;
    } catch (error) {
      log.warn({ error: messageOf(error) }, "the disk could not be asked");
    } finally {
      isAsking = false;
    }
  }

  async function heartbeatLoop(): Promise<void> {
    while (!stopping.signal.aborted) {
      void askDisk();
      await pass("heartbeat", async () => {
        const nowMs = await store.now();
        hearing.looked(nowMs);
        if (!(await heartbeat(store, agent, incarnation, nowMs, { blocked, ...holdings }))) {
          log.error(
            {},
            "a newer process of this agent has registered, or it was forgotten: leaving",
          );
          leave(1);
        }
      });
      await news.wait(limits.heartbeatMs, stopping.signal);
    }
  }

  try {
    for (const tail of await store.tails(participantPrefix(agent))) {
      takenOver.set(tail.actor, tail.revision + 1);
    }
    await engine.own({
      owner: { kind: "pinned", agent },
      prefix: participantPrefix(agent),
      epoch: incarnation,
      signal: stopping.signal,
      writes: [],
    });
  } catch (error) {
    // Who tries again starts an engine of its own.
    stopping.abort(new LockstepError("aborted", "this process did not start"));
    await engine.stop();
    await ports.close();
    throw error;
  }
  options.reportReady();
  const loops = [participantLoop(), gateLoop(), heartbeatLoop()];
  // A machine agent never leads: it need not look at the lease.
  if (options.role === "state-server") loops.push(leadership.run(masterLoop));

  let stopped: Promise<void> | undefined;
  function stop(): Promise<void> {
    stopped ??= (async () => {
      leaving = true;
      await gate.close().catch((error) => {
        log.warn({ error: messageOf(error) }, "the gate could not be reported shut");
      });
      stopping.abort(new LockstepError("aborted", "this process is stopping"));
      pulse.hint();
      await leadership.stop();
      await engine.stop();
      await Promise.allSettled(loops);
      await ports.close();
    })();
    return stopped;
  }

  function leave(exitCode: number): void {
    if (leaving) return;
    leaving = true;
    lifecycle.emit("leaving", { exitCode });
    // An application that does not drain ends with its process.
    void Promise.race([stop(), clock.sleep(limits.leaveGraceMs)])
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
