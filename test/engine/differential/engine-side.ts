import { fromCallback, fromPromise } from "xstate";
import {
  type DurableMachine,
  durable,
  type WorkContext,
} from "../../../src/engine/definition/durable.ts";
import type { PastEntry, WorkRecord } from "../../../src/engine/journal/entry.ts";
import { DurableRun } from "../../../src/engine/testing/durable-run.ts";
import type { MakeStore } from "../../../src/engine/testing/engine-host.ts";
import type { FaultKind } from "../../../src/engine/testing/killable-store.ts";
import { textOf } from "../../../src/engine/testing/observation.ts";
import { type Log, silentLog } from "../../../src/log.ts";
import { buildChart } from "./build-chart.ts";
import { type ChartSpec, eventNames, type StepSpec } from "./chart-spec.ts";
import type { Side } from "./compare.ts";
import { idsOf } from "./live-side.ts";
import { copyOf, errorOf, eventOf, noDeeds, outputOf, type Seen } from "./seen.ts";

/** Where the engine of a run dies. */
export interface Crashes {
  /** At durable writes of the run, numbered from 1. */
  readonly faults: ReadonlyMap<number, FaultKind>;
  /** Before steps of the script, numbered from 0. */
  readonly beforeSteps: ReadonlySet<number>;
}

/** The means of a callback that runs in a process. */
interface Means {
  readonly input: { readonly parent: unknown; readonly id: string };
  sendBack(event: object): void;
  receive(listener: (event: object) => void): void;
}

interface Ears {
  readonly path: string;
  isStopped: boolean;
  readonly say: (type: string) => void;
}

interface Answer {
  readonly path: string;
  readonly isDone: boolean;
}

/** A generated chart as a durable machine. Whatever it does outside, it does to the side that plays. */
export class EngineChart {
  readonly durable: DurableMachine;
  side: EngineSide | undefined;

  constructor(spec: ChartSpec) {
    const outside = {
      task: fromPromise(async () => {}),
      ears: fromCallback((means) => this.side?.listen(means as unknown as Means)),
    };
    const machine = buildChart(spec, outside, {
      did: (what, n) => this.side?.did(`${what} ${n}`),
    });
    this.durable = durable(machine, {
      ...{ name: "chart", version: "1.0.0" },
      tasks: { task: { run: (_input: unknown, task: WorkContext) => this.side?.attempt(task) } },
      actions: {
        mail: async (params: unknown, { id }: WorkContext) => this.side?.mail(id, params),
      },
    } as never);
  }
}

/** A generated chart on the whole engine, with a store in memory and a virtual clock. */
export class EngineSide implements Side {
  readonly #run: DurableRun;
  readonly #beforeSteps: Crashes["beforeSteps"];
  /** The latest attempt of each task, by the id of its work. */
  readonly #attempts = new Map<string, (answer: Answer) => void>();
  /** A task that is run again answers as it did before. */
  readonly #answers = new Map<string, Answer>();
  /** The latest callback on each path. */
  readonly #ears = new Map<string, Ears>();
  readonly #hearing: (readonly [Ears, string])[] = [];
  readonly #actions = new Map<string, string>();
  readonly #seen = noDeeds();
  readonly #isCrashed: boolean;
  #steps = 0;
  #events = 0;
  #tail: PastEntry | undefined;

  /** @param makeStore see `EngineHost` */
  constructor(chart: EngineChart, { faults, beforeSteps }: Crashes, makeStore?: MakeStore) {
    chart.side = this;
    this.#beforeSteps = beforeSteps;
    this.#isCrashed = faults.size + beforeSteps.size > 0;
    const log: Log = {
      ...silentLog,
      info: ({ words }) => void (words && this.#seen.logged.push(textOf(words))),
    };
    this.#run = new DurableRun(chart.durable, { n: 1 }, { faults, log }, makeStore);
  }

  get writes(): readonly string[] {
    return this.#run.writes;
  }

  get isRejected(): boolean {
    return this.#run.rejected !== null;
  }

  get reason(): string | undefined {
    return this.#run.rejected ?? this.#tail?.reason?.message;
  }

  async start(): Promise<void> {
    await this.#run.start();
    await this.#look();
  }

  async play(step: StepSpec): Promise<void> {
    if (this.#beforeSteps.has(this.#steps)) await this.#run.kill();
    this.#steps += 1;
    switch (step.do) {
      case "event":
      case "route":
        this.#events += 1;
        await this.#run.send(eventOf(step, this.#events));
        break;
      case "elapse":
        await this.#run.elapse(step.ms);
        break;
      case "settle":
        await this.#settle(step.which, step.isDone);
        break;
      case "callback":
        await this.#say(step.which, eventNames[step.event] as string);
    }
    await this.#look();
  }

  async see(): Promise<Seen> {
    const { root, emitted } = await this.#run.observe();
    const [tasks, ears] = [this.#work("task"), this.#work("live")].map((records) =>
      records.map(({ path }) => path),
    ) as [string[], string[]];
    // A message that comes too late is not heard live. Here a callback of a process that died may have heard it.
    const heardBy = this.#hearing.filter(([{ isStopped }]) => this.#isCrashed || !isStopped);
    this.#seen.heard.push(...heardBy.map(([, text]) => text));
    this.#hearing.length = 0;
    return {
      ...copyOf(this.#seen),
      ...{ root: { ...root, status: this.#tail?.status ?? root.status }, emitted: [...emitted] },
      ...{ actions: [...this.#actions.values()], tasks, ears },
    };
  }

  dispose(): void {
    this.#run.dispose();
  }

  did(what: string): void {
    this.#seen.own.push(what);
  }

  async mail(id: string, params: unknown): Promise<void> {
    if (!this.#actions.has(id)) this.#actions.set(id, textOf(params));
  }

  attempt({ id, signal }: WorkContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = ({ path, isDone }: Answer) =>
        isDone ? resolve(outputOf(path)) : reject(errorOf(path));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#attempts.set(id, settle);
      const known = this.#answers.get(id);
      if (known) settle(known);
    });
  }

  listen({ input, sendBack, receive }: Means): () => void {
    const path = `${idsOf(input.parent)}/${input.id}`;
    const say = (type: string) => sendBack({ type, data: path });
    const ears: Ears = { path, isStopped: false, say };
    this.#ears.set(path, ears);
    receive((event) => void this.#hearing.push([ears, `${path} ${textOf(event)}`]));
    return () => {
      ears.isStopped = true;
    };
  }

  async #look(): Promise<void> {
    const entries = await this.#run.entries();
    this.#tail = entries.at(-1);
  }

  #work(kind: WorkRecord["kind"]): readonly WorkRecord[] {
    return (this.#tail?.work ?? []).filter((record) => record.kind === kind);
  }

  async #settle(which: number, isDone: boolean): Promise<void> {
    const record = pick(this.#work("task"), which);
    if (!record) return;
    const { id, path } = record;
    const attempt = this.#attempts.get(id);
    if (!attempt) throw new Error(`the task ${path} waits, and nobody runs it`);
    this.#answers.set(id, { path, isDone });
    attempt({ path, isDone });
    await this.#run.settle();
  }

  /** A callback says something, again where its process died before the event was durable. */
  async #say(which: number, type: string): Promise<void> {
    const record = pick(this.#work("live"), which);
    if (!record) return;
    const before = (await this.#run.entries()).length;
    for (let isHeard = false; !isHeard; ) {
      const ears = this.#ears.get(record.path);
      if (!ears) throw new Error(`the callback ${record.path} is asked for, and nobody runs it`);
      ears.say(type);
      await this.#run.settle();
      const entries = await this.#run.entries();
      isHeard = entries.slice(before).some(({ kind }) => kind === "child");
    }
  }
}

function pick(records: readonly WorkRecord[], which: number): WorkRecord | undefined {
  return records[which % Math.max(1, records.length)];
}
