import { fromCallback, fromPromise } from "xstate";
import {
  createdEvent,
  firstStep,
  type Intent,
  nextStep,
  type Step,
} from "../../../src/engine/actor/step.ts";
import type { Entry, WorkRecord } from "../../../src/engine/journal/entry.ts";
import { LiveSystem } from "../../../src/engine/system/live-system.ts";
import type { Chart } from "../../../src/engine/system/outcome.ts";
import { inFiringOrder } from "../../../src/engine/system/timer-table.ts";
import { observe, textOf } from "../../../src/engine/testing/observation.ts";
import { decode } from "../../../src/engine/values/decode.ts";
import { buildChart } from "./build-chart.ts";
import { type ChartSpec, eventNames, type StepSpec } from "./chart-spec.ts";
import type { Side } from "./compare.ts";
import { copyOf, errorOf, eventOf, noDeeds, outputOf, type Seen } from "./seen.ts";

/** A generated chart that is written down and revived between any two events, without an engine. */
export class RevivedSide implements Side {
  readonly #chart: Chart;
  /** Revived from the tail, and has not run yet. */
  #revived: LiveSystem | undefined;
  #tail: Entry | undefined;
  #nowMs = 1_000_000;
  #nonces = 0;
  #serial = 0;
  readonly #seen = noDeeds();
  readonly #hearing: (readonly [number, string])[] = [];
  /** Set once a caller's event was rejected: live XState ends there. */
  isRejected = false;

  constructor(spec: ChartSpec) {
    const outside = { task: fromPromise(async () => {}), ears: fromCallback(() => {}) };
    const machine = buildChart(spec, outside, {
      did: (what, n) => void this.#seen.own.push(`${what} ${n}`),
    });
    this.#chart = { machine, tasks: new Set(["task"]), actions: new Set(["mail"]) };
  }

  start(): void {
    const nowMs = this.#nowMs;
    const input = { n: 1 };
    const [live, outcome] = LiveSystem.begin(this.#options(), input, {
      ...{ actor: "a", startedAtMs: nowMs, revision: 0, nowMs },
    });
    const base = { actor: "a", partition: "p", machine: "m", version: "1.0.0", nonce: "0" };
    this.#committed(firstStep(base, outcome, { event: createdEvent(input), nowMs }), live);
  }

  play(step: StepSpec): void {
    switch (step.do) {
      case "event":
      case "route": {
        this.#serial += 1;
        const event = eventOf(step, this.#serial);
        this.#apply({
          ...{ kind: "caller", cause: { kind: "event", birth: 0, event } },
          ...{ eventType: event.type, event },
        });
        break;
      }
      case "elapse": {
        const endMs = this.#nowMs + step.ms;
        for (;;) {
          const [timer] = inFiringOrder(this.tail.timers);
          if (timer === undefined || timer.dueAtMs > endMs) break;
          this.#nowMs = timer.dueAtMs;
          this.#apply({
            ...{ kind: "timer", cause: { kind: "timer", id: timer.id } },
            ...{ eventType: timer.eventType, eventText: timer.event },
          });
        }
        this.#nowMs = endMs;
        break;
      }
      case "settle":
        this.#settle(step.which, step.isDone);
        break;
      case "callback": {
        const record = pick(this.#work("live"), step.which);
        if (!record) return;
        const event = { type: eventNames[step.event] as string, data: record.path };
        this.#apply({
          ...{ kind: "child", cause: { kind: "event", birth: record.parent, event } },
          ...{ eventType: event.type, event },
        });
      }
    }
  }

  see(): Seen {
    const births = new Set(this.#work("live").map(({ birth }) => birth));
    const heardBy = this.#hearing.filter(([birth]) => births.has(birth));
    this.#seen.heard.push(...heardBy.map(([, text]) => text));
    this.#hearing.length = 0;
    const found = observe(this.#system.snapshot);
    return {
      root: { ...found, status: this.tail.status },
      ...copyOf(this.#seen),
      tasks: this.#work("task").map(({ path }) => path),
      ears: this.#work("live").map(({ path }) => path),
    };
  }

  get reason(): string | undefined {
    return this.tail.reason?.message;
  }

  get tail(): Entry {
    if (!this.#tail) throw new Error("not started");
    return this.#tail;
  }

  #work(kind: WorkRecord["kind"]): readonly WorkRecord[] {
    return this.tail.work.filter((record) => record.kind === kind);
  }

  #settle(which: number, isDone: boolean): void {
    const record = pick(this.#work("task"), which);
    if (!record) return;
    const { id, path } = record;
    const settled = isDone
      ? ({ kind: "done", output: outputOf(path) } as const)
      : ({ kind: "error", error: errorOf(path) } as const);
    this.#apply({
      ...{ kind: "result", cause: { kind: "settled", workId: id, settled } },
      ...{ eventType: "result", event: { type: "result", ...settled } },
    });
  }

  #options() {
    return { chart: this.#chart, onOutside: () => {} };
  }

  get #system(): LiveSystem {
    this.#revived ??= LiveSystem.revive(this.#options(), this.tail);
    return this.#revived;
  }

  #apply(intent: Intent): void {
    if (this.tail.status !== "active" || this.isRejected) return;
    const live = this.#system;
    const { step, isUsable } = this.#next(live, intent);
    this.isRejected = step.entry.outcome === "rejected" && intent.kind === "caller";
    this.#committed(step, isUsable ? live : undefined);
  }

  #next(live: LiveSystem, intent: Intent) {
    this.#nonces += 1;
    const stamp = { nowMs: this.#nowMs, nonce: String(this.#nonces) };
    return nextStep(live, this.tail, intent, stamp);
  }

  #committed({ entry, closures, logged }: Step, live: LiveSystem | undefined): void {
    this.#tail = entry;
    this.#revived = undefined;
    for (const closure of closures) closure();
    this.#seen.logged.push(...logged.map((words) => textOf(words)));
    const emitted = entry.emitted === undefined ? [] : (decode(entry.emitted) as unknown[]);
    this.#seen.emitted.push(...emitted.map(textOf));
    this.#carryOut(live);
    this.#revived = undefined;
  }

  /** Does what a worker does at once: actions, and messages to callbacks. They change nothing in the system. */
  #carryOut(live: LiveSystem | undefined): void {
    for (;;) {
      const record = this.tail.work.find(({ kind }) => kind === "action" || kind === "message");
      if (!record) return;
      const text = textOf(decode(record.input));
      if (record.kind === "action") this.#seen.actions.push(text);
      else this.#hearing.push([record.birth, `${record.path} ${text}`]);
      const { step } = this.#next(live ?? this.#system, {
        ...{ kind: "result", cause: { kind: "carried-out", workId: record.id } },
        ...{ eventType: "lockstep.carried-out", event: { type: "lockstep.carried-out" } },
      });
      this.#tail = step.entry;
      const stays = step.entry.work.some(({ id }) => id === record.id);
      if (stays) throw new Error(`${record.kind} ${record.name} stays pending`);
    }
  }
}

function pick(records: readonly WorkRecord[], which: number): WorkRecord | undefined {
  return records[which % Math.max(1, records.length)];
}
