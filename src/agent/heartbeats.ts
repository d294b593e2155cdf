import { type AgentRecord, type Holdings, heartbeat } from "../control/agents.ts";
import type { FailureDetector } from "../control/failure-detector.ts";
import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { createWakeUp, type WakeUp } from "../ports/waiting/wake-up.ts";
import type { AgentProcessOptions, RunPorts } from "./run-agent.ts";

/** Tells the fleet that this process lives, and the facts of its host. */
export class Heartbeats {
  readonly #options: Pick<AgentProcessOptions, "agent" | "incarnation">;
  readonly #ports: Pick<RunPorts, "store" | "database" | "log">;
  readonly #failureDetector: FailureDetector;
  /** Wakes after a change of this agent's record, so that it is written before the next heartbeat. */
  readonly #news: WakeUp;
  #startable: readonly string[];
  /** The fleet has yet to learn of the versions that can be started. */
  #isStartableNews = false;
  #holdings: Holdings | undefined;
  #isAskingDisk = false;

  constructor(options: AgentProcessOptions, ports: RunPorts, failureDetector: FailureDetector) {
    this.#options = options;
    this.#ports = ports;
    this.#failureDetector = failureDetector;
    this.#startable = options.startable;
    this.#news = createWakeUp(ports.clock);
  }

  /** The versions that the launcher can start. */
  get startable(): readonly string[] {
    return this.#startable;
  }

  set startable(versions: readonly string[]) {
    [this.#startable, this.#isStartableNews] = [versions, true];
    this.hint();
  }

  hint(): void {
    this.#news.hint();
  }

  wait(signal: AbortSignal): Promise<void> {
    return this.#news.wait(limits.heartbeatMs, signal);
  }

  /** @returns false when a newer process has registered, or an operator has forgotten this agent */
  async beat(why: Pick<AgentRecord, "blocked" | "notServing" | "starting">): Promise<boolean> {
    void this.#askDisk();
    const { agent, incarnation } = this.#options;
    const { store } = this.#ports;
    const nowMs = await store.now();
    this.#failureDetector.observe(nowMs);
    const startable = this.#startable;
    const news = this.#isStartableNews ? { startable } : {};
    const said = { ...why, ...news, ...this.#holdings };
    const isHeard = await heartbeat(store, agent, incarnation, nowMs, said);
    if (startable === this.#startable) this.#isStartableNews = false;
    return isHeard;
  }

  /** Asks the disk beside the heartbeat: a disk that hangs must not silence an agent whose gate may be open. */
  async #askDisk(): Promise<void> {
    if (this.#isAskingDisk) return;
    this.#isAskingDisk = true;
    try {
      const found = await this.#ports.database.holdings();
      const isNews =
        found.backups.join() !== this.#holdings?.backups.join() ||
        found.memberTrouble !== this.#holdings?.memberTrouble;
      if (isNews) this.hint();
      this.#holdings = found;
    } catch (error) {
      const { log } = this.#ports;
      log.warn({ error: messageOf(error) }, "the agent's disk and member could not be read");
    } finally {
      this.#isAskingDisk = false;
    }
  }
}
