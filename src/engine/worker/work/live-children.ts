import type { AnyActorLogic, AnyStateMachine, EventObject } from "xstate";
import { isPassing, LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Actors } from "../../actor/actors.ts";
import type { Appending } from "../../actor/applying.ts";
import type { Intent } from "../../actor/step.ts";
import type { Entry, WorkRecord } from "../../journal/entry.ts";
import { isMachine } from "../../system/xstate/xstate-internals.ts";
import { decode } from "../../values/decode.ts";
import { type LiveChild, startLive } from "./live-logic.ts";
import { emittedIntent, parentIntent, settledIntent } from "./work-intents.ts";

/** The ports of the children that run in this process. */
export interface ChildrenPorts {
  readonly actors: Actors;
  readonly clock: Clock;
  readonly log: Log;
  readonly fenced: Appending;
}

/** One run of the machine's own logic. */
interface LiveRun {
  readonly input: unknown;
  readonly signal: AbortSignal;
  /** Called with the child at its start. */
  readonly started: ((child: LiveChild) => void) | undefined;
}

/** The children of actors that run in this process, by the machine's own logic. */
export class LiveChildren {
  readonly #ports: ChildrenPorts;
  /** The children that run here or are about to. A message waits for its child. */
  readonly #live = new Map<string, Promise<LiveChild | undefined>>();
  /** For each child that runs here, by the id of its work: hands it the events that were sent to it before its end. */
  readonly #endings = new Map<string, (pending: readonly WorkRecord[]) => void>();

  constructor(ports: ChildrenPorts) {
    this.#ports = ports;
  }

  /** Hands the child of some work the last messages for it, before that work ends. */
  beforeEnd(id: string, pending: readonly WorkRecord[]): void {
    this.#endings.get(id)?.(pending);
  }

  /** A live child is known before it runs, since it takes a while to begin. */
  announce(actor: string, { birth }: WorkRecord) {
    const key = `${actor}/${birth}`;
    let started: (child: LiveChild | undefined) => void = () => {};
    const child = new Promise<LiveChild | undefined>((resolve) => {
      started = resolve;
    });
    this.#live.set(key, child);
    const ended = () => {
      started(undefined);
      if (this.#live.get(key) === child) this.#live.delete(key);
    };
    return { started, ended };
  }

  /** Hands a message to a child that runs here. */
  async deliver(actor: string, { birth, id }: WorkRecord, event: unknown): Promise<void> {
    const child = await this.#live.get(`${actor}/${birth}`);
    child?.hear(id, event as EventObject);
  }

  /** Runs the machine's own logic in this process until it ends. Its events and values go to the actor meanwhile. */
  async run(
    actor: string,
    record: WorkRecord,
    machine: AnyStateMachine,
    { input, signal, started }: LiveRun,
  ): Promise<unknown> {
    const logic = await this.#logicOf(actor, record, machine);
    signal.throwIfAborted();
    // In their order, and all of them before the end.
    let reported = Promise.resolve();
    const report = (decide: (tail: Entry) => Intent | null) => {
      reported = reported.then(() => this.report(actor, decide, signal));
    };
    const whole = new Promise((resolve, reject) => {
      const child = startLive(logic, input, {
        settled(settled) {
          if (settled.kind === "done") resolve(settled.output);
          else if (settled.kind === "error") reject(settled.error);
          else report(settledIntent(record, settled));
        },
        event: (event) => report(parentIntent(record, event)),
        emitted: (event) => report(emittedIntent(record, event)),
      });
      started?.(child);
      this.#endings.set(record.id, (pending) => hearLast(child, record, pending));
      const stop = () => {
        child.stop();
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await whole;
    } finally {
      this.#endings.delete(record.id);
      await reported;
    }
  }

  /**
   * Appends what live work reports, again while the database is away: the work itself says it once. The key makes a repeat
   * count once where an append took effect and its answer was lost.
   */
  async report(
    actor: string,
    decide: (tail: Entry) => Intent | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { actors, fenced, log, clock } = this.#ports;
    const key = `live:${actors.nonce()}`;
    const decideKeyed = (tail: Entry) => {
      const intent = decide(tail);
      return intent && { ...intent, key };
    };
    while (!signal.aborted) {
      try {
        await actors.apply(actor, fenced, decideKeyed);
        return;
      } catch (error) {
        log.warn({ actor, error: messageOf(error) }, "what live work reports is not appended yet");
        if (!isPassing(error)) return;
        await clock.sleep(limits.recordRetryMs, signal);
      }
    }
  }

  async #logicOf(
    actor: string,
    { name, birth, parent }: WorkRecord,
    machine: AnyStateMachine,
  ): Promise<AnyActorLogic> {
    // A child machine may have other logic of the same name.
    const named: unknown = parent === 0 ? machine.implementations.actors[name] : undefined;
    if (named !== undefined) return named as AnyActorLogic;
    const tail = await this.#ports.actors.tail(actor);
    const logic = tail && this.#ports.actors.read(tail).ownLogicOf(birth);
    if (logic === undefined || isMachine(logic)) {
      throw new LockstepError("machine-not-supported", `expected logic for "${name}", found none`);
    }
    return logic;
  }
}

/** A message with a reference to an actor comes too late: to look the actor up takes a while. */
function hearLast(child: LiveChild, { birth }: WorkRecord, pending: readonly WorkRecord[]): void {
  for (const { kind, birth: target, id, input } of pending) {
    if (kind !== "message" || target !== birth) continue;
    let hasReferences = false;
    const event = decode(input, {
      later: () => {
        hasReferences = true;
      },
    });
    if (!hasReferences) child.hear(id, event as EventObject);
  }
}
