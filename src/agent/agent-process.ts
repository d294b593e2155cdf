import { isSilenceTimer } from "../../machines/upgrade-context.ts";
import { createFailureDetector, type FailureDetector } from "../control/failure-detector.ts";
import {
  coordinatorPrefix,
  masterRole,
  participantPrefix,
  participantsPrefix,
} from "../control/ids.ts";
import { isFileTrouble, isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { createEngine, type Engine } from "../fleet-engine/engine.ts";
import { collections, type Entry } from "../journal/store.ts";
import { exitForStuckEffect, exitForVersionChange } from "../launcher/agent-side.ts";
import { createLeadership, type Leadership } from "../leadership/leadership.ts";
import type { Mastership } from "../leadership/mastership.ts";
import { limits } from "../limits.ts";
import { createWakeUp, type WakeUp } from "../ports/waiting/wake-up.ts";
import type { AgentWorld } from "../upgrade/agent-world.ts";
import type { MasterWorld } from "../upgrade/coordinator/requests/master-world.ts";
import { fleetMachines } from "../upgrade/fleet-machines.ts";
import type { Gate } from "../upgrade/participant/gate/gate.ts";
import { Openings } from "../upgrade/participant/gate/openings.ts";
import { reconcile, shutGateIfAway } from "../upgrade/participant/participant-loop.ts";
import { applicationGate } from "./application-gate.ts";
import { Heartbeats } from "./heartbeats.ts";
import { runMasterLoop } from "./master-loop.ts";
import type { AgentProcessOptions, RunPorts, Runtime } from "./run-agent.ts";
import { SlotReader } from "./slot-reader.ts";

/** One process of one agent. It owns its loops: participant, gate, heartbeat, and mastership. */
export class AgentProcess implements Runtime {
  readonly gate: Gate;
  readonly #options: AgentProcessOptions;
  readonly #ports: RunPorts;
  readonly #failureDetector: FailureDetector;
  readonly #stopping = new AbortController();
  readonly #wakeUp: WakeUp;
  /** Wakes after a change of the versions, which decide whether the gate may be open. */
  readonly #gateWakeUp: WakeUp;
  readonly #heartbeats: Heartbeats;
  readonly #openings: Openings;
  readonly #takenOver = new Map<string, number>();
  readonly #world: AgentWorld;
  readonly #engine: Engine;
  readonly #leadership: Leadership;
  readonly #slot: SlotReader;
  #mastership: Mastership | undefined;
  #blocked: string | null = null;
  #why: Parameters<Heartbeats["beat"]>[0] = { blocked: null, notServing: null };
  #unended: string | null = null;
  #isLeaving = false;
  #isReady = false;
  #loops: readonly Promise<void>[] = [];
  #stopped: Promise<void> | undefined;

  constructor(options: AgentProcessOptions, ports: RunPorts, nowMs: number) {
    this.#options = options;
    this.#ports = ports;
    const { clock } = ports;
    this.#failureDetector = createFailureDetector(clock, nowMs);
    this.#wakeUp = createWakeUp(clock);
    this.#gateWakeUp = createWakeUp(clock);
    this.#slot = new SlotReader(options, ports, this.#failureDetector);
    this.#heartbeats = new Heartbeats(options, ports, this.#failureDetector);
    this.#openings = new Openings({ ...options, store: ports.store });
    this.gate = applicationGate(options, ports, this.#openings, () => this.#heartbeats.hint());
    this.#world = this.#createAgentWorld();
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
      // The next attempt starts an engine of its own.
      this.#stopping.abort(new LockstepError("aborted", "this process did not start"));
      await this.#engine.stop();
      await this.#ports.close();
      throw error;
    }
    this.#options.reportReady();
    const loops = [this.#participantLoop(), this.#gateLoop(), this.#heartbeatLoop()];
    // A machine agent never leads, so it does not read the lease.
    if (role === "state-server") {
      loops.push(this.#leadership.run((mastership) => this.#masterLoop(mastership)));
    }
    this.#loops = loops;
    const unsubscribe = this.#options.onStartableVersions((versions) => {
      this.#heartbeats.startable = versions;
      this.#wakeUp.hint();
    });
    this.#stopping.signal.addEventListener("abort", unsubscribe, { once: true });
  }

  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      this.#isLeaving = true;
      await this.gate.close().catch((error) => {
        this.#ports.log.warn({ error: messageOf(error) }, "the report of the shut gate failed");
      });
      this.#stopping.abort(new LockstepError("aborted", "this process is stopping"));
      this.#wakeUp.hint();
      await this.#leadership.stop();
      await this.#engine.stop();
      await Promise.allSettled(this.#loops);
      await this.#ports.spans?.send(this.#ports.clock);
      await this.#ports.close();
    })();
    return this.#stopped;
  }

  leave(exitCode: number): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const { lifecycle, exit } = this.#options;
    const { clock, log } = this.#ports;
    lifecycle.emit("leaving", { exitCode });
    // The drain has a limit of its own. After the grace, what else does not end ends with its process.
    const graceMs = this.#options.drainTimeoutMs + limits.leaveGraceMs;
    void Promise.race([this.stop(), clock.sleep(graceMs)])
      .catch((error) => log.error({ error: messageOf(error) }, "the agent could not stop cleanly"))
      .finally(() => exit(exitCode));
  }

  #createAgentWorld(): AgentWorld {
    const { agent, role, incarnation, version, steps, dataDirectory } = this.#options;
    const { store, database, localJournal, clock, faultPoints, log, spans } = this.#ports;
    const heartbeats = this.#heartbeats;
    return {
      ...{ agent, role, incarnation, version, steps, dataDirectory },
      get startable() {
        return heartbeats.startable;
      },
      ...{ store, database, localJournal, clock, faultPoints, log, spans },
      foreignWrites: this.#options.preventForeignWrites ? "prevented" : "only detected",
      readiness: this.#options.readiness,
      readinessTimeoutMs: this.#options.readinessTimeoutMs,
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
      leave: (exitCode) => this.leave(exitCode),
    };
  }

  #createEngine(): Engine {
    const { store, clock, log, spans } = this.#ports;
    const engine = createEngine({
      ...{ store, clock, log, spans },
      machines: fleetMachines(this.#world),
      ...{ build: this.#options.version, by: this.#options.agent },
      onStuckEffect: ({ id, name }) => {
        log.error({ effect: name, effectId: id }, "an effect ignores its signal: leaving");
        this.#options.exit(exitForStuckEffect);
      },
    });
    engine.onTransition((entry) => this.#onTransition(entry));
    return engine;
  }

  #onTransition(entry: Entry): void {
    const { actor, revision, state, epoch } = entry;
    const moved = { actor, revision, event: entry.event.type, state, epoch };
    this.#ports.log.info({ actor, revision, event: moved.event, state, epoch }, "transition");
    void this.#ports.spans?.follow(entry);
    this.#options.lifecycle.emit("transition", moved);
    this.#wakeUp.hint();
  }

  #createLeadership(): Leadership {
    const { agent, incarnation, leaseTtlMs, appName } = this.#options;
    const { leases, clock, random, log } = this.#ports;
    return createLeadership({
      ...{ leases, agent, incarnation, leaseTtlMs, appName, clock, random, log },
      endPredecessor: this.#ports.endPredecessor,
      eligible: async () => !this.#isLeaving && (await this.#slot.read()).mayLead,
    });
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
      // After an outage of the database nobody could be heard yet.
      mayFire: ({ name }, storeMs) =>
        !isSilenceTimer(name) || this.#failureDetector.canJudgeSilence(storeMs),
    });
    const world: MasterWorld = {
      ...{ store, log, engine: this.#engine, failureDetector: this.#failureDetector },
      fence: held.fence,
      foreignWrites: this.#world.foreignWrites,
      steps: this.#options.steps,
      preflight: (extra) => database.preflight(extra),
    };
    await runMasterLoop(held, {
      ...{ world, clock, slot: this.#slot, stopping: this.#stopping.signal },
      pass: (name, act) => this.#pass(name, act),
      release: () => this.#leadership.release(),
    });
    this.#mastership = undefined;
    this.#options.lifecycle.emit("lostMastership", { epoch: held.epoch });
  }

  async #participantLoop(): Promise<void> {
    // Hints about other agents' participants are left out, since only the coordinator acts on those.
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
    const { agent, role, incarnation, version, steps, cannotStart, fresh } = this.#options;
    const { store, localJournal, log } = this.#ports;
    const { startable } = this.#heartbeats;
    const found = await reconcile({
      ...{ store, engine: this.#engine, gate: this.gate, localJournal, log },
      ...{ agent, role, incarnation, version, steps, startable, cannotStart, fresh },
      writeWantedVersion: this.#options.writeWantedVersion,
      leave: () => this.leave(exitForVersionChange),
      wasTakenOver: (actor) => this.#takenOver.has(actor),
    }).catch((error: unknown) => {
      if (!isFileTrouble(error)) throw error;
      return { blocked: error.message, isProvisioning: false, failed: true };
    });
    const blocked = found.blocked ?? this.#unended;
    // An application that cannot begin keeps no upgrade away: that may bring the mended build.
    const notServing = this.gate.why;
    const starting = found.isProvisioning ?? false;
    // Before the first whole look it says nothing: the record has said since its registration that this process starts.
    const isSeen = this.#isReady || !("failed" in found);
    this.#why = { blocked, notServing, ...(isSeen ? { starting } : {}) };
    const why = blocked ?? notServing;
    if (why !== null && why !== this.#blocked) {
      log.warn({ why }, "blocked");
      this.#options.lifecycle.emit("blocked", { why });
    }
    if (why === null && this.#blocked !== null) this.#options.lifecycle.emit("unblocked", {});
    if (why !== this.#blocked) this.#heartbeats.hint();
    this.#blocked = why;
    if ("failed" in found) return;
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.lifecycle.emit("ready", {});
    this.#heartbeats.hint();
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
    while (!this.#stopping.signal.aborted) {
      await this.#pass("heartbeat", async () => {
        if (await this.#heartbeats.beat(this.#why)) return this.#openings.note();
        const { log } = this.#ports;
        log.error({}, "a newer process of this agent has registered, or it was forgotten: leaving");
        this.leave(1);
      });
      await this.#heartbeats.wait(this.#stopping.signal);
    }
  }
}
