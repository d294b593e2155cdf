import { type AnyActorRef, createActor, fromCallback, fromPromise } from "xstate";
import { isRunning, type LiveActor } from "../../../src/engine/system/xstate/xstate-internals.ts";
import { SteppedClock } from "../../../src/engine/testing/live-run.ts";
import { observe, textOf } from "../../../src/engine/testing/observation.ts";
import { turn } from "../../../src/engine/testing/settle.ts";
import { buildChart } from "./build-chart.ts";
import type { OutsideLogic } from "./chart-parts.ts";
import { type ChartSpec, eventNames, type StepSpec } from "./chart-spec.ts";
import { copyOf, errorOf, eventOf, noDeeds, outputOf, type Seen } from "./seen.ts";

interface Task {
  readonly who: string;
  readonly signal: AbortSignal;
  readonly settle: (isDone: boolean) => void;
}

interface Ears {
  readonly who: string;
  isStopped: boolean;
  readonly say: (type: string) => void;
}

/** The ids from the root down. It is asked for while an actor starts, when it is not in its parent's children yet. */
export function idsOf(actor: unknown): string {
  const { id, _parent: parent } = actor as { id: string; _parent?: AnyActorRef };
  return parent === undefined ? "" : `${idsOf(parent)}/${id}`;
}

/** Too many timers in one step: the chart turns in a circle. */
const timersMax = 300;

/** A generated chart in live XState with a simulated clock. */
export class LiveSide {
  readonly #clock = new SteppedClock();
  readonly #isPrompt: boolean;
  readonly #actor: AnyActorRef;
  readonly #tasks: Task[] = [];
  readonly #ears: Ears[] = [];
  readonly #made: LiveActor[] = [];
  readonly #hearing: (readonly [Ears, string])[] = [];
  #serial = 0;
  readonly #seen = noDeeds();

  /** @param isPrompt timers without a delay fire before the next step, as those of an engine do */
  constructor(chart: ChartSpec, isPrompt: boolean) {
    this.#isPrompt = isPrompt;
    const machine = buildChart(chart, this.#outside(), {
      did: (what, n) => void this.#seen.own.push(`${what} ${n}`),
      mail: (params) => void this.#seen.actions.push(textOf(params)),
    });
    this.#actor = createActor(machine, {
      ...{ id: "root", clock: this.#clock, input: { n: 1 } },
      logger: (...words: unknown[]) => void this.#seen.logged.push(textOf(words)),
      inspect: (event: { readonly type: string; readonly actorRef: unknown }) => {
        if (event.type !== "@xstate.actor") return;
        this.#made.push(event.actorRef as LiveActor);
        const actor = event.actorRef as { on(type: "*", act: (event: unknown) => void): void };
        actor.on("*", (emitted) => void this.#seen.emitted.push(textOf(emitted)));
      },
    } as never);
    this.#actor.subscribe({ error() {} });
  }

  async start(): Promise<void> {
    this.#actor.start();
    await turn();
    this.#afterStep();
  }

  async play(step: StepSpec): Promise<void> {
    await this.#play(step);
    this.#afterStep();
  }

  #afterStep(): void {
    if (this.#isPrompt) this.#elapse(0);
  }

  #elapse(ms: number): void {
    const endMs = this.#clock.now() + ms;
    for (let fired = 0; ; fired += 1) {
      const { nextMs } = this.#clock;
      if (nextMs === null || nextMs > endMs) break;
      if (fired > timersMax) throw new Error("the chart turns in a circle");
      this.#clock.set(nextMs);
    }
    this.#clock.set(endMs);
  }

  async #play(step: StepSpec): Promise<void> {
    switch (step.do) {
      case "event":
      case "route":
        this.#serial += 1;
        this.#actor.send(eventOf(step, this.#serial) as never);
        break;
      case "elapse":
        this.#elapse(step.ms);
        break;
      case "settle": {
        const pending = this.#pendingTasks();
        const task = pending[step.which % Math.max(1, pending.length)];
        if (!task) return;
        this.#tasks.splice(this.#tasks.indexOf(task), 1);
        task.settle(step.isDone);
        await turn();
        break;
      }
      case "callback": {
        const listening = this.#listening();
        listening[step.which % Math.max(1, listening.length)]?.say(
          eventNames[step.event] as string,
        );
      }
    }
  }

  see(): Seen {
    // A message comes after the commit: a callback that ends meanwhile does not hear it.
    const heardBy = this.#hearing.filter(([ears]) => !ears.isStopped);
    this.#seen.heard.push(...heardBy.map(([, text]) => text));
    this.#hearing.length = 0;
    return {
      root: observe(this.#actor.getSnapshot()),
      ...copyOf(this.#seen),
      tasks: this.#pendingTasks().map(({ who }) => who),
      ears: this.#listening().map(({ who }) => who),
    };
  }

  /** Whether an actor that failed has left children running, as XState does. The engine stops them. */
  get hasOrphans(): boolean {
    return this.#made.some(
      (actor) => isRunning(actor) && actor._parent !== undefined && !isRunning(actor._parent),
    );
  }

  stop(): void {
    (this.#actor as unknown as { stop(): void }).stop();
  }

  #pendingTasks(): readonly Task[] {
    return this.#tasks.filter(({ signal }) => !signal.aborted);
  }

  #listening(): readonly Ears[] {
    return this.#ears.filter(({ isStopped }) => !isStopped);
  }

  #outside(): OutsideLogic {
    return {
      task: fromPromise(
        ({ self, signal }) =>
          new Promise((resolve, reject) => {
            const who = idsOf(self);
            const settle = (isDone: boolean) =>
              isDone ? resolve(outputOf(who)) : reject(errorOf(who));
            this.#tasks.push({ who, signal, settle });
          }),
      ),
      ears: fromCallback(({ self, sendBack, receive }) => {
        const who = idsOf(self);
        const ears: Ears = {
          ...{ who, isStopped: false },
          say: (type) => sendBack({ type, data: who }),
        };
        this.#ears.push(ears);
        receive((event) => void this.#hearing.push([ears, `${who} ${textOf(event)}`]));
        return () => {
          ears.isStopped = true;
        };
      }),
    };
  }
}
