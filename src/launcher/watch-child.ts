import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { type ChildProcess, exited } from "../ports/process.ts";
import { exitForUndrained } from "./agent-side.ts";

/** One child, once it has ended. */
export interface EndedChild {
  readonly code: number | null;
  readonly signal: string | null;
  /** It was ended, since it had not reported ready in time. */
  readonly isTimedOut: boolean;
  readonly wasReady: boolean;
  /** It was ready for a while, or its application has served for a while. */
  readonly isSettled: boolean;
  /** Its application has begun. */
  readonly hasServed: boolean;
  /** Its application was about to begin. */
  readonly isOpening: boolean;
  /** It has reported that it waits for the database, an operator or another agent. */
  readonly isAway: boolean;
}

interface Message {
  readonly type?: string;
  readonly limitMs?: number;
  readonly agent?: string;
  readonly pid?: number;
  readonly state?: string;
}

/** Watches one child until it has ended, and ends it where it is late or where the signal aborts. */
export class ChildWatch {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #onAgent: (name: string) => void;
  readonly #gone = new AbortController();
  /** Aborts once the child is ready, or has ended. */
  readonly #ready = new AbortController();
  /** A program between the launcher and the agent, such as a shell, is the child. */
  #isBetween = false;
  #readyAtMs: number | null = null;
  /** The time at which its application had begun, by the monotonic clock. */
  #servesAtMs: number | null = null;
  #isOpening = false;
  #isAway = false;
  #isTimedOut = false;
  #isUndrained = false;
  /** Aborts once the drain under way has ended. */
  #drain: AbortController | undefined;

  /** @param onAgent is called with the agent's name */
  constructor(child: ChildProcess, clock: Clock, onAgent: (name: string) => void) {
    this.#child = child;
    this.#clock = clock;
    this.#onAgent = onAgent;
    child.on("message", (message: Message) => this.#hear(message));
  }

  async untilEnded(readyTimeoutMs: number, signal: AbortSignal): Promise<EndedChild> {
    // The listener is added first, since a missing program ends at once.
    const exit = exited(this.#child).finally(() => {
      this.#gone.abort();
      this.#ready.abort();
      this.#drain?.abort();
    });
    const stop = () => void this.#end();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    void this.#waitForReady(readyTimeoutMs);
    const { code, signal: by } = await exit;
    signal.removeEventListener("abort", stop);
    // An agent that was no child has the channel still. Without it the agent leaves.
    if (this.#child.connected) this.#child.disconnect();
    const sinceMs = this.#servesAtMs ?? this.#readyAtMs;
    const livedMs = sinceMs === null ? 0 : this.#clock.monotonicMs() - sinceMs;
    return {
      ...(this.#isUndrained ? { code: exitForUndrained, signal: null } : { code, signal: by }),
      isTimedOut: this.#isTimedOut,
      wasReady: this.#readyAtMs !== null,
      isSettled: !this.#isOpening && livedMs >= limits.launcherSettledMs,
      hasServed: this.#servesAtMs !== null,
      isOpening: this.#isOpening,
      isAway: this.#isAway,
    };
  }

  #hear({ type, limitMs, agent, pid, state }: Message): void {
    if (type === "opening") {
      this.#isOpening = state === "begun";
      if (state === "done") this.#servesAtMs = this.#clock.monotonicMs();
    }
    if (type === "agent" && agent !== undefined) {
      this.#isBetween = pid !== undefined && pid !== this.#child.pid;
      this.#onAgent(agent);
    }
    if (type === "waiting") this.#isAway = true;
    if (type === "ready") {
      [this.#readyAtMs, this.#isAway] = [this.#clock.monotonicMs(), false];
      this.#ready.abort();
    }
    if (type !== "draining" && type !== "drained") return;
    this.#drain?.abort();
    this.#drain = type === "draining" ? new AbortController() : undefined;
    if (this.#drain) void this.#waitForDrain(Number(limitMs), this.#drain.signal);
  }

  async #waitForReady(timeoutMs: number): Promise<void> {
    const { signal } = this.#ready;
    do {
      // No version comes up without a database. Once the database is back, the child has its full time again.
      this.#isAway = false;
      await this.#clock.sleep(timeoutMs, signal);
    } while (this.#isAway && !signal.aborted);
    if (signal.aborted) return;
    this.#isTimedOut = true;
    await this.#end();
  }

  /** An application that blocks its process while it drains keeps that from leaving by itself. */
  async #waitForDrain(limitMs: number, ended: AbortSignal): Promise<void> {
    await this.#clock.sleep(limitMs + limits.launcherDrainGraceMs, ended);
    if (ended.aborted) return;
    this.#isUndrained = true;
    this.#child.kill("SIGKILL");
  }

  /** Ends the child by SIGTERM, and by SIGKILL where it does not end within its grace. A drain has its own limit. */
  async #end(): Promise<void> {
    // A shell would end without the agent, and tsx ends an agent by force that is busy for a moment.
    if (this.#isBetween && this.#child.connected) this.#child.send({ type: "end" }, () => {});
    else this.#child.kill("SIGTERM");
    await this.#clock.sleep(limits.launcherStopGraceMs, this.#gone.signal);
    if (this.#drain) {
      const signal = AbortSignal.any([this.#drain.signal, this.#gone.signal]);
      await this.#clock.sleep(limits.drainTimeoutMsMax, signal);
      await this.#clock.sleep(limits.launcherStopGraceMs, this.#gone.signal);
    }
    if (!this.#gone.signal.aborted) this.#child.kill("SIGKILL");
  }
}
