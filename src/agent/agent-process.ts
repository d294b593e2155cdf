import { type Holdings, heartbeat } from "../control/agents.ts";
import { createFailureDetector, type FailureDetector } from "../control/failure-detector.ts";
import {
  coordinatorPrefix,
  masterRole,
  participantPrefix,
  participantsPrefix,
} from "../control/names.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import { isFileTrouble, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { collections, type Entry } from "../journal/store.ts";
import { exitForStuckEffect, exitForVersionChange } from "../launcher/agent-side.ts";
import { createLeadership, type Leadership } from "../leadership/leadership.ts";
import type { Mastership } from "../leadership/mastership.ts";
import { limits } from "../limits.ts";
import { linkController } from "../ports/linked-controller.ts";
import { createWakeUp, type WakeUp } from "../ports/wake-up.ts";
import {
  type ActiveUpgrade,
  mayBeMaster,
  readActiveUpgrade,
} from "../upgrade/coordinator/active-upgrade.ts";
import {
  driveCoordinator,
  type MasterWorld,
  serveInbox,
} from "../upgrade/coordinator/master-loop.ts";
import { fleetMachines } from "../upgrade/fleet-machines.ts";
import { createGate, type Gate } from "../upgrade/participant/gate.ts";
import { reconcile, shutGateIfAway } from "../upgrade/participant/participant-loop.ts";
import type { World } from "../upgrade/world.ts";
import type { AgentProcessOptions, RunPorts, Runtime } from "./run-agent.ts";

/** The slot of the active upgrade, as this process sees it. */
interface Slot {
  readonly activeUpgrade?: ActiveUpgrade | undefined;
  readonly mayLead: boolean;
}

/** One process of one agent. It owns its loops: participant, gate, heartbeat, and mastership. */
export class AgentProcess implements Runtime {
  readonly gate: Gate;
  readonly #options: AgentProcessOptions;
  readonly #ports: RunPorts;
  readonly #failureDetector: FailureDetector;
  readonly #stopping = new AbortController();
  readonly #wakeUp: WakeUp;
  /** Wakes by the versions, which decide whether the gate may be open. */
  readonly #gateWakeUp: WakeUp;
  /** Wakes by a change of this agent's record, which is written before the next heartbeat. */
  readonly #news: WakeUp;
  readonly #takenOver = new Map<string, number>();
  readonly #world: World;
  readonly #engine: Engine;
  readonly #leadership: Leadership;
  #mastership: Mastership | undefined;
  #blocked: string | null = null;
  #unended: string | null = null;
  /** Why the active upgrade is not for this build, or null. */
  #notRead: string | null = null;
  #isLeaving = false;
  #isReady = false;
  #holdings: Holdings | undefined;
  #isAskingDisk = false;
  #loops: readonly Promise<void>[] = [];
  #stopped: Promise<void> | undefined;

  constructor(options: AgentProcessOptions, ports: RunPorts, nowMs: number) {
    this.#options = options;
    this.#ports = ports;
    const { clock } = ports;
    this.#failureDetector = createFailureDetector(clock, nowMs);
    this.#wakeUp = createWakeUp(clock);
    this.#gateWakeUp = createWakeUp(clock);
    this.#news = createWakeUp(clock);
    this.gate = this.#createGate();
    this.#world = this.#createWorld();
    this.#engine = this.#createEngine();
    this.#leadership = this.#createLeadership();
  }

  get isMaster(): boolean {
    return this.#mastership !== undefined && !this.#mastership.signal.aborted;
  }

  /** Takes over the actors of this agent's earlier processes, then starts the loops. */
  async start(): Promise<void> {
    const { agent, incarnation, role } = this.#options;
    try {
      for (const tail of await this.#ports.store.tails(participantPrefix(agent))) {
        this.#takenOver.set(tail.actor, tail.revision + 1);
      }
      await this.#engine.own({
        owner: { kind: "pinned", agent },
        prefix: participantPrefix(agent),
        epoch: incarnation,
        signal: this.#stopping.signal,
        writes: [],
      });
    } catch (error) {
      // Another try starts an engine of its own.
      this.#stopping.abort(new LockstepError("aborted", "this process did not start"));
      await this.#engine.stop();
      await this.#ports.close();
      throw error;
    }
    this.#options.reportReady();
    const loops = [this.#participantLoop(), this.#gateLoop(), this.#heartbeatLoop()];
    // A machine agent never leads: it need not read the lease.
    if (role === "state-server") {
      loops.push(this.#leadership.run((mastership) => this.#masterLoop(mastership)));
    }
    this.#loops = loops;
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#isLeaving = true;
      await this.gate.close().catch((error) => {
        this.#ports.log.warn({ error: messageOf(error) }, "the gate could not be reported shut");
      });
      this.#stopping.abort(new LockstepError("aborted", "this process is stopping"));
      this.#wakeUp.hint();
      await this.#leadership.stop();
      await this.#engine.stop();
      await Promise.allSettled(this.#loops);
      await this.#ports.close();
    })();
    return this.#stopped;
  }

  #leave(exitCode: number): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const { lifecycle, exit } = this.#options;
    const { clock, log } = this.#ports;
    lifecycle.emit("leaving", { exitCode });
    // An application that does not drain ends with its process.
    void Promise.race([this.stop(), clock.sleep(limits.leaveGraceMs)])
      .catch((error) => log.error({ error: messageOf(error) }, "could not stop in good order"))
      .finally(() => exit(exitCode));
  }

  #createGate(): Gate {
    const { agent, incarnation, version, gate, lifecycle } = this.#options;
    const { store, log } = this.#ports;
    return createGate({
      ...{ store, agent, incarnation, version, log },
      listener: {
        async onOpen() {
          await gate.onOpen();
          lifecycle.emit("gateOpened", {});
        },
        async onShut() {
          await gate.onShut();
          lifecycle.emit("gateShut", {});
        },
      },
    });
  }

  #createWorld(): World {
    const { agent, role, incarnation, version, startable, steps, dataDirectory } = this.#options;
    const { store, localJournal, clock, faultPoints, log } = this.#ports;
    return {
      ...{ agent, role, incarnation, version, startable, steps, dataDirectory },
      ...{ store, localJournal, clock, faultPoints, log },
      foreignWrites: this.#options.preventForeignWrites ? "prevented" : "only detected",
      gate: this.gate,
      failureDetector: this.#failureDetector,
      mastership: (epoch) => (this.#mastership?.epoch === epoch ? this.#mastership : undefined),
      isMaster: () => this.isMaster,
      takenOverAt: (actor) => this.#takenOver.get(actor) ?? 0,
      cannotEnd: (why) => {
        this.#unended = why;
      },
      writeWantedVersion: this.#options.writeWantedVersion,
      writeDefaultVersion: this.#options.writeDefaultVersion,
      leave: (exitCode) => this.#leave(exitCode),
    };
  }

  #createEngine(): Engine {
    const { store, clock, log, database } = this.#ports;
    const engine = createEngine({
      ...{ store, clock, log },
      machines: fleetMachines(this.#world, database),
      build: this.#options.version,
      onStuckEffect: ({ id, name }) => {
        log.error({ effect: id, name }, "an effect ignores its signal: leaving");
        this.#options.exit(exitForStuckEffect);
      },
    });
    engine.onTransition((entry) => this.#onTransition(entry));
    return engine;
  }

  #onTransition(entry: Entry): void {
    const { actor, revision, state, epoch } = entry;
    this.#ports.log.info({ actor, revision, event: entry.event.type, state, epoch }, "transition");
    this.#options.lifecycle.emit("transition", { entry });
    this.#wakeUp.hint();
  }

  #createLeadership(): Leadership {
    const { agent, incarnation, leaseTtlMs, appName } = this.#options;
    const { leases, clock, random, log } = this.#ports;
    return createLeadership({
      ...{ leases, agent, incarnation, leaseTtlMs, appName, clock, random, log },
      endPredecessor: this.#ports.endPredecessor,
      eligible: async () => !this.#isLeaving && (await this.#readSlot()).mayLead,
    });
  }

  /**
   * The active upgrade, and whether this process may be master: never of one that this build cannot read. An old
   * upgrade that it cannot read keeps no build from mastership.
   */
  async #readSlot(): Promise<Slot> {
    try {
      const activeUpgrade = await readActiveUpgrade(this.#ports.store, this.#failureDetector);
      this.#notRead = null;
      return { activeUpgrade, mayLead: mayBeMaster(activeUpgrade, this.#options) };
    } catch (error) {
      const isUnread = isLockstepError(error, "entry-not-readable");
      if (!isUnread && !isLockstepError(error, "record-broken")) throw error;
      if (this.#notRead !== error.message) {
        this.#ports.log.warn({ error: error.message }, "the lease is not for this build");
      }
      this.#notRead = error.message;
      return { mayLead: false };
    }
  }

  async #pass(name: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const code = isLockstepError(error) ? error.code : "database-unreachable";
      this.#options.lifecycle.emit("trouble", { code, message: messageOf(error) });
      const { clock, log } = this.#ports;
      log.warn({ pass: name, code, error: messageOf(error) }, "a pass failed; it is tried again");
      await clock.sleep(limits.passRetryMs, this.#stopping.signal);
    }
  }

  async #masterLoop(held: Mastership): Promise<void> {
    const { store, clock, log, database } = this.#ports;
    this.#mastership = held;
    this.#options.lifecycle.emit("becameMaster", { epoch: held.epoch });
    await this.#engine.own({
      owner: { kind: "role", role: masterRole },
      prefix: coordinatorPrefix,
      epoch: held.epoch,
      signal: held.signal,
      writes: [held.fence],
    });
    const masterWorld: MasterWorld = {
      ...{ store, log, engine: this.#engine, failureDetector: this.#failureDetector },
      foreignWrites: this.#world.foreignWrites,
      preflight: (extra) => database.preflight(this.#world, extra),
    };
    let passedOver = 0;
    const masterWakeUp = createWakeUp(clock);
    const unsubscribe = store.watch(() => masterWakeUp.hint());
    const { controller, unlink } = linkController([held.signal, this.#stopping.signal]);
    while (!controller.signal.aborted) {
      await this.#pass("inbox", async () => {
        const served = await serveInbox(masterWorld, passedOver);
        passedOver = served.passedOver;
        // The upgrade has its turn in between, so that no number of requests keeps it waiting.
        if (served.isMore) masterWakeUp.hint();
      });
      await this.#pass("master", async () => {
        const { activeUpgrade, mayLead } = await this.#readSlot();
        // A master that the upgrade's state does not allow gives the lease up.
        if (!mayLead) await this.#leadership.release();
        else if (activeUpgrade) await driveCoordinator(masterWorld, activeUpgrade);
      });
      await masterWakeUp.wait(limits.masterPollMs, controller.signal);
    }
    unlink();
    unsubscribe();
    this.#mastership = undefined;
    this.#options.lifecycle.emit("lostMastership", { epoch: held.epoch });
  }

  async #participantLoop(): Promise<void> {
    // Only the coordinator acts on what other agents' participants do.
    const unsubscribe = this.#ports.store.watch((what) => {
      if (what === collections.versions || what === "") this.#gateWakeUp.hint();
      if (what === collections.leases) this.#leadership.hint();
      else if (!what.startsWith(participantsPrefix)) this.#wakeUp.hint();
    });
    while (!this.#stopping.signal.aborted) {
      await this.#pass("participant", () => this.#reconcile());
      await this.#wakeUp.wait(limits.participantPollMs, this.#stopping.signal);
    }
    unsubscribe();
  }

  async #reconcile(): Promise<void> {
    const { agent, role, incarnation, version, steps, startable, cannotStart } = this.#options;
    const { store, localJournal, log } = this.#ports;
    const found = await reconcile({
      ...{ store, engine: this.#engine, gate: this.gate, localJournal, log },
      ...{ agent, role, incarnation, version, steps, startable, cannotStart },
      writeWantedVersion: this.#options.writeWantedVersion,
      leave: () => this.#leave(exitForVersionChange),
      wasTakenOver: (actor) => this.#takenOver.has(actor),
    }).catch((error: unknown) => {
      if (!isFileTrouble(error)) throw error;
      return { blocked: error.message, failed: true };
    });
    const why = found.blocked ?? this.#unended;
    if (why !== null && why !== this.#blocked) {
      log.warn({ why }, "blocked");
      this.#options.lifecycle.emit("blocked", { why });
    }
    if (why === null && this.#blocked !== null) this.#options.lifecycle.emit("unblocked", {});
    if (why !== this.#blocked) this.#news.hint();
    this.#blocked = why;
    if ("failed" in found) return;
    if (!this.#isReady) this.#options.lifecycle.emit("ready", {});
    this.#isReady = true;
  }

  async #gateLoop(): Promise<void> {
    const { store, log } = this.#ports;
    const { version } = this.#options;
    while (!this.#stopping.signal.aborted) {
      await this.#pass("gate", () => shutGateIfAway({ store, gate: this.gate, version, log }));
      await this.#gateWakeUp.wait(limits.participantPollMs, this.#stopping.signal);
    }
  }

  async #heartbeatLoop(): Promise<void> {
    const { agent, incarnation } = this.#options;
    const { store, log } = this.#ports;
    while (!this.#stopping.signal.aborted) {
      void this.#askDisk();
      await this.#pass("heartbeat", async () => {
        const nowMs = await store.now();
        this.#failureDetector.observe(nowMs);
        const said = { blocked: this.#blocked, ...this.#holdings };
        if (await heartbeat(store, agent, incarnation, nowMs, said)) return;
        log.error({}, "a newer process of this agent has registered, or it was forgotten: leaving");
        this.#leave(1);
      });
      await this.#news.wait(limits.heartbeatMs, this.#stopping.signal);
    }
  }

  /** Beside the heartbeat: a disk that hangs must not silence an agent whose gate may be open. */
  async #askDisk(): Promise<void> {
    if (this.#isAskingDisk) return;
    this.#isAskingDisk = true;
    try {
      const found = await this.#ports.database.holdings(this.#world);
      const isNews =
        found.backups.join() !== this.#holdings?.backups.join() ||
        found.memberTrouble !== this.#holdings?.memberTrouble;
      if (isNews) this.#news.hint();
      this.#holdings = found;
    } catch (error) {
      this.#ports.log.warn({ error: messageOf(error) }, "the disk could not be asked");
    } finally {
      this.#isAskingDisk = false;
    }
  }
}
