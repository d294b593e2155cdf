import type { EventObject } from "xstate";
import { limits } from "../../limits.ts";
import { silentLog } from "../../log.ts";
import { partitionOf } from "../actor/partition.ts";
import type { DurableMachine, PreparedTask, WorkContext } from "../definition/durable.ts";
import type { PastEntry } from "../journal/entry.ts";
import { decode } from "../values/decode.ts";
import { EngineHost, type HostOptions, type MakeStore } from "./engine-host.ts";
import { resultText } from "./live-run.ts";
import { type Observation, observe, textOf } from "./observation.ts";

interface Attempt {
  readonly startMs: number;
  readonly task: PreparedTask;
  readonly signal: AbortSignal;
}

/** The id of the only actor of a run. */
const actor = "actor";

/** One actor of a machine on an engine whose processes die as the faults say. */
export class DurableRun {
  readonly #host: EngineHost;
  readonly #durable: DurableMachine;
  readonly #input: unknown;
  readonly #actions = new Map<string, string>();
  readonly #attempts = new Set<Attempt>();
  readonly #emitted: string[] = [];
  readonly #results: string[] = [];
  readonly #entries: PastEntry[] = [];
  /** So many entries have said which events they emitted, and which results they took. */
  #noted = 0;
  #sent = 0;
  /** Why the latest event was rejected, if it was. */
  rejected: string | null = null;

  constructor(
    durable: DurableMachine,
    input: unknown,
    { faults = new Map(), log = silentLog }: Pick<HostOptions, "faults" | "log"> = {},
    makeStore?: MakeStore,
  ) {
    this.#durable = this.#recording(durable);
    this.#input = input;
    const only = partitionOf(durable.name, actor);
    this.#host = new EngineHost({ machines: [this.#durable], faults, log, only }, makeStore);
    this.#host.nextMoment = (nowMs) => this.#nextMoment(nowMs);
  }

  /** The durable writes so far, in order. */
  get writes(): readonly string[] {
    return this.#host.log.writes;
  }

  async start(): Promise<void> {
    const input = this.#input;
    await this.#host.settle();
    await this.#host.ask((engine) => engine.start(this.#durable, { id: actor, input } as never));
    await this.#host.settle();
  }

  async send(event: EventObject): Promise<void> {
    this.#sent += 1;
    // The key makes the event count once where its answer was lost and it is sent again.
    const key = `event-${this.#sent}`;
    const sent = await this.#host.ask((engine) =>
      engine.send(this.#durable, actor, event as never, { key }),
    );
    const entry = await this.#host.store.byKey(actor, `caller:${key}`);
    this.rejected = (entry ?? sent).outcome === "rejected" ? (entry?.reason?.message ?? "") : null;
    await this.#host.settle();
  }

  elapse(ms: number): Promise<void> {
    return this.#host.elapse(ms);
  }

  settle(): Promise<void> {
    return this.#host.settle();
  }

  /** Kills the process. The next one takes over at once. */
  async kill(): Promise<void> {
    this.#host.kill();
    await this.#host.settle();
  }

  async observe(): Promise<Observation> {
    const snapshot = await this.#host.ask((engine) => engine.get(this.#durable, actor));
    for (const entry of (await this.entries()).slice(this.#noted)) this.#note(entry);
    this.#noted = this.#entries.length;
    return {
      root: observe(snapshot),
      emitted: [...this.#emitted],
      actions: [...this.#actions.values()],
      results: [...this.#results],
    };
  }

  /** The journal so far. */
  async entries(): Promise<readonly PastEntry[]> {
    for (;;) {
      const from = this.#entries.length;
      const page = await this.#host.store.entries(actor, from, limits.entriesOfPage);
      this.#entries.push(...page);
      if (page.length === 0) return this.#entries;
    }
  }

  dispose(): void {
    this.#host.dispose();
  }

  #note({ kind, event, emitted, eventType, outcome }: PastEntry): void {
    const list = emitted === undefined ? [] : (read(emitted) as readonly unknown[]);
    this.#emitted.push(...list.map(textOf));
    if (kind !== "result" || !/^xstate\.(done|error)\.actor\./.test(eventType)) return;
    const settled = read(event) as Parameters<typeof resultText>[0];
    if (outcome !== "ignored") this.#results.push(resultText(settled));
  }

  /** The same machine. Its tasks and actions are written down as they begin. */
  #recording(durable: DurableMachine): DurableMachine {
    const tasks = [...durable.tasks].map(([name, task]) => {
      const { run } = task;
      if (run === undefined) return [name, task] as const;
      const recorded = (input: unknown, context: WorkContext) =>
        this.#attempt(task, context, () => run(input, context));
      return [name, { ...task, run: recorded }] as const;
    });
    const actions = [...durable.actions].map(
      ([name, act]) =>
        [
          name,
          (params: unknown, context: WorkContext) => {
            const text = textOf([name, params]);
            if (!this.#actions.has(context.id)) this.#actions.set(context.id, text);
            return act(params, context);
          },
        ] as const,
    );
    return { ...durable, tasks: new Map(tasks), actions: new Map(actions) };
  }

  async #attempt<Output>(
    task: PreparedTask,
    { signal }: WorkContext,
    run: () => Promise<Output>,
  ): Promise<Output> {
    const attempt = { task, signal, startMs: this.#host.clock.nowMs() };
    this.#attempts.add(attempt);
    try {
      return await run();
    } finally {
      this.#attempts.delete(attempt);
    }
  }

  /** The time at which an attempt is over, or its next heartbeat is expected. */
  #nextMoment(nowMs: number): number | null {
    const moments = [...this.#attempts].flatMap(({ startMs, task, signal }) => {
      if (signal.aborted) return [];
      const { timeoutMs, heartbeatMs } = task;
      const spentMs = nowMs - startMs;
      return [
        ...(timeoutMs === null ? [] : [startMs + timeoutMs]),
        ...(heartbeatMs === null || heartbeatMs === 0
          ? []
          : [startMs + (Math.floor(spentMs / heartbeatMs) + 1) * heartbeatMs]),
      ];
    });
    const later = moments.filter((moment) => moment > nowMs);
    return later.length === 0 ? null : Math.min(...later);
  }
}

/** A value of the journal. Actors in it are named by their birth. */
function read(text: string): unknown {
  return decode(text, { later: (birth, put) => put({ actor: Number(birth) }) });
}
