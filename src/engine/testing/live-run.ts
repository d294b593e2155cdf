import {
  type AnyActorRef,
  type AnyStateMachine,
  createActor,
  type EventObject,
  fromPromise,
  type InspectedEventEvent,
  type InspectionEvent,
  SimulatedClock,
} from "xstate";
import { silentLog } from "../../log.ts";
import type { DurableMachine, PreparedTask, WorkContext } from "../definition/durable.ts";
import { pauseAfter } from "../definition/durations.ts";
import { asLive, isMachine, isPureLogic } from "../system/xstate/xstate-internals.ts";
import { type Observation, observe, textOf } from "./observation.ts";
import { turn } from "./settle.ts";

/** XState's simulated clock, which also knows when the next of its timers is due. */
export class SteppedClock extends SimulatedClock {
  readonly #due = new Map<number, number>();

  override setTimeout(act: (...values: unknown[]) => void, delayMs: number): number {
    const ms = Math.max(0, Number.isNaN(delayMs) ? 0 : delayMs);
    const id = super.setTimeout(() => {
      this.#due.delete(id);
      act();
    }, ms);
    this.#due.set(id, this.now() + ms);
    return id;
  }

  override clearTimeout(id: number): void {
    this.#due.delete(id);
    super.clearTimeout(id);
  }

  /** The time of the next timer, or null. */
  get nextMs(): number | null {
    return this.#due.size === 0 ? null : Math.min(...this.#due.values());
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.setTimeout(() => resolve(), ms));
  }
}

/** The reference of a comparison: the same machine with the same tasks and actions, run by XState itself. */
export class LiveRun {
  readonly #clock = new SteppedClock();
  readonly #actor: AnyActorRef;
  readonly #durable: DurableMachine;
  readonly #emitted: string[] = [];
  readonly #actions: string[] = [];
  readonly #results: string[] = [];
  #works = 0;

  constructor(durable: DurableMachine, input: unknown) {
    this.#durable = durable;
    const actor = createActor(this.#provided(durable.machine), {
      ...{ id: "root", clock: this.#clock, input, logger: () => {} },
      inspect: (event: InspectionEvent) => {
        if (event.type === "@xstate.event") this.#noteResult(event);
        if (event.type === "@xstate.actor") this.#adopt(event.actorRef as AnyActorRef);
      },
    } as never);
    // XState throws an error of the root into the process where nobody listens.
    actor.subscribe({ error() {} });
    this.#actor = actor;
  }

  async start(): Promise<void> {
    this.#actor.start();
    await this.settle();
  }

  async send(event: EventObject): Promise<void> {
    this.#actor.send(event);
    await this.settle();
  }

  settle(): Promise<void> {
    return this.elapse(0);
  }

  async elapse(ms: number): Promise<void> {
    const endMs = this.#clock.now() + ms;
    await settled();
    for (;;) {
      const { nextMs } = this.#clock;
      if (nextMs === null || nextMs > endMs) break;
      this.#clock.set(nextMs);
      await settled();
    }
    this.#clock.set(endMs);
  }

  observe(): Observation {
    return {
      root: observe(this.#actor.getSnapshot()),
      emitted: [...this.#emitted],
      actions: [...this.#actions],
      results: [...this.#results],
    };
  }

  stop(): void {
    (this.#actor as unknown as { stop(): void }).stop();
  }

  /** XState runs nothing of a new actor before this, so that a child machine gets its tasks and actions, named or inline. */
  #adopt(actor: AnyActorRef): void {
    const live = asLive(actor);
    if (live._parent !== undefined && isMachine(live.logic))
      live.logic = this.#provided(live.logic);
    actor.on("*", (emitted) => void this.#emitted.push(textOf(emitted)));
  }

  /** Notes the end of whatever would be a worker's work: the engine records it as a result. */
  #noteResult({ event, sourceRef }: InspectedEventEvent): void {
    if (sourceRef === undefined || !/^xstate\.(done|error)\.actor\./.test(event.type)) return;
    const { logic } = asLive(sourceRef as AnyActorRef);
    if (isMachine(logic) || isPureLogic(logic)) return;
    const { output, error } = event as EventObject & { output?: unknown; error?: unknown };
    const isDone = event.type.startsWith("xstate.done.");
    this.#results.push(resultText(isDone ? { kind: "done", output } : { kind: "error", error }));
  }

  /** The machine with the tasks and actions of its declaration. */
  #provided(machine: AnyStateMachine): AnyStateMachine {
    const { tasks, actions } = this.#durable;
    const promises = [...tasks].flatMap(([name, task]) => {
      const own: unknown = machine.implementations.actors[name];
      const run = task.run ?? null;
      if (run === null && own !== undefined) return [];
      return [[name, this.#promise(name, task)] as const];
    });
    const effects = [...actions].map(([name, act]) => [
      name,
      (_args: unknown, params: unknown) => {
        this.#actions.push(textOf([name, params]));
        void act(params, this.#context(1)).catch(() => {});
      },
    ]);
    return machine.provide({
      actors: Object.fromEntries(promises),
      actions: Object.fromEntries(effects),
    } as never) as AnyStateMachine;
  }

  #promise(name: string, task: PreparedTask) {
    return fromPromise(({ input, signal }: { input: unknown; signal: AbortSignal }) =>
      this.#attempts(name, task, input, signal),
    );
  }

  /** The attempts that the task's policy gives, as a worker makes them. */
  async #attempts(
    name: string,
    { run, attemptsMax, retryable, backoffMs, timeoutMs }: PreparedTask,
    input: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = Promise.resolve(run?.(input, this.#context(attempt, signal)));
        if (timeoutMs === null) return await answer;
        const late = this.#clock.sleep(timeoutMs).then(() => {
          throw new Error(`expected an answer of "${name}" within ${timeoutMs} ms`);
        });
        return await Promise.race([answer, late]);
      } catch (error) {
        if (attempt >= attemptsMax || !retryable(error) || signal.aborted) throw error;
        await this.#clock.sleep(pauseAfter(attempt, backoffMs));
      }
    }
  }

  #context(attempt: number, signal: AbortSignal = new AbortController().signal): WorkContext {
    this.#works += 1;
    return {
      ...{ id: `live/${this.#works}`, actor: "live", attempt, fence: 1, signal, log: silentLog },
      heartbeat() {},
      transaction: (act) => act({ write: (commit: () => void) => commit() } as never),
    };
  }
}

/** The result of a task as a test compares it. An error counts by its message. */
export function resultText(
  result:
    | { readonly kind: "done"; readonly output: unknown }
    | { readonly kind: "error"; readonly error: unknown },
): string {
  return result.kind === "done"
    ? `done ${textOf(result.output)}`
    : `error ${messageOfAny(result.error)}`;
}

function messageOfAny(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}

/** Lets the promises of tasks go on. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}
