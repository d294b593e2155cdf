import type { AnyActorLogic } from "xstate";
import { assert } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { WorkRecord } from "../../journal/entry.ts";
import type { Births } from "../births.ts";
import type { Chart } from "../outcome.ts";
import type { Run } from "../run.ts";
import type { TimerTable } from "../timer-table.ts";
import { prepared } from "./prepared.ts";
import { stubLogic } from "./stub-logic.ts";
import {
  asLive,
  type ExecutableAction,
  isMachine,
  isNamed,
  isPureLogic,
  type LiveActor,
  pathOf,
  type Scheduler,
} from "./xstate-internals.ts";

/** The system around an interceptor. */
interface InterceptedSystem {
  readonly chart: Chart;
  readonly births: Births;
  /** The run under way, or undefined between two runs. */
  run(): Run | undefined;
  timers(): TimerTable;
  encode(value: unknown, where: string): string;
}

/**
 * Takes over each call that would leave the process. It writes down the work of children and the actions, and puts delayed
 * events into a table.
 */
export class Interceptor {
  readonly #system: InterceptedSystem;
  readonly #ownLogic = new WeakMap<LiveActor, AnyActorLogic>();

  constructor(system: InterceptedSystem) {
    this.#system = system;
  }

  /** The logic that the machine gives a child whose work runs outside the system. */
  ownLogicOf(actor: LiveActor): AnyActorLogic | undefined {
    return this.#ownLogic.get(actor);
  }

  /** Takes over an actor at its creation: XState has not run any of it yet. */
  adopt(actor: LiveActor): void {
    const { chart } = this.#system;
    if (isMachine(actor.logic)) actor.logic = prepared(actor.logic, chart);
    const isTask = typeof actor.src === "string" && chart.tasks.has(actor.src);
    if (isTask || !(isMachine(actor.logic) || isPureLogic(actor.logic))) {
      this.#ownLogic.set(actor, actor.logic);
      actor.logic = stubLogic({
        nextId: () => this.#current().nextId(),
        begin: (stub, id, input) => {
          const child = asLive(stub);
          this.#begin(id, isTask ? "task" : "live", child, String(child.src), input);
        },
        // A promise takes no events.
        message: (stub, event) => {
          if (!isTask) this.#begin(this.#current().nextId(), "message", asLive(stub), "", event);
        },
      });
    }
    const scope = actor._actorScope;
    const execute = scope.actionExecutor;
    scope.actionExecutor = (action) => execute(this.#intercepted(actor, action));
    scope.emit = (event) => void this.#system.run()?.emitted.push(event);
  }

  /** Arms and cancels delayed events in the system's table. */
  scheduler(): Scheduler {
    const { births, timers } = this.#system;
    return {
      schedule: (source, target, event, delayMs, sendId) => {
        const run = this.#current();
        const id = run.nextId();
        timers().arm({
          ...{ id, sendId: sendId ?? id, event, eventType: event.type },
          ...{ source: births.of(source), target: births.of(target) },
          // As the timers of JavaScript do, except that those cannot wait longer than 24.8 days. An infinite delay never ends.
          dueAtMs: Math.min(
            run.stamp.nowMs + Math.max(0, Number.isNaN(delayMs) ? 0 : delayMs),
            limits.timeMsMax,
          ),
        });
      },
      cancel: (source, sendId) => timers().cancel(births.of(source), sendId),
      cancelAll: (source) => timers().cancelAll(births.of(source)),
    };
  }

  #current(): Run {
    const run = this.#system.run();
    assert(run, "work and timers are asked for in a run", {});
    return run;
  }

  #intercepted(actor: LiveActor, action: ExecutableAction): ExecutableAction {
    const { type, exec, info, params } = action;
    if (type.startsWith("xstate.")) return action;
    if (this.#system.chart.actions.has(type) && isNamed(actor, action)) {
      const begin = () => this.#begin(this.#current().nextId(), "action", actor, type, params);
      return { ...action, exec: begin };
    }
    if (exec === undefined) return action;
    return {
      ...action,
      exec: () => void this.#system.run()?.closures.push(() => exec(info, params)),
    };
  }

  /** Writes work down, in the order in which live XState would begin it. */
  #begin(
    id: string,
    kind: WorkRecord["kind"],
    actor: LiveActor,
    name: string,
    input: unknown,
  ): void {
    const { births } = this.#system;
    const run = this.#system.run();
    // A revived child begins nothing: its work was written down when it really began.
    if (run === undefined) return;
    const path = pathOf(actor);
    const text = this.#kept(run, input, `the input of ${name || path}`);
    const parent = actor._parent ? births.of(actor._parent) : 0;
    const birth = births.of(actor);
    const { nowMs: askedAtMs, traced } = run.stamp;
    run.started.push({ id, kind, name, birth, parent, path, askedAtMs, input: text, ...traced });
  }

  /** A value as text. XState would make an error of the child out of a refusal, so that it is kept for the end of the run. */
  #kept(run: Run, value: unknown, where: string): string {
    try {
      return this.#system.encode(value, where);
    } catch (error) {
      run.refusal ??= { error };
      throw error;
    }
  }
}
