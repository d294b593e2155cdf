import { queryObjects } from "node:v8";
import { describe, expect, test } from "vitest";
import { fromCallback, fromPromise, sendTo, setup } from "xstate";
import { startEngine } from "../../../src/engine/create-engine.ts";
import { durable } from "../../../src/engine/definition/durable.ts";
import type { WorkRecord } from "../../../src/engine/journal/entry.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import type { EngineStore, WorkAttempt } from "../../../src/engine/journal/store.ts";
import { ActorWork } from "../../../src/engine/worker/work/actor-work.ts";
import {
  type Running,
  runWork,
  type WorkHost,
  type WorkPolicy,
} from "../../../src/engine/worker/work/run-work.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { systemRandom } from "../../../src/ports/random.ts";
import { until } from "../../support/until.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const recordOf = (id: string, kind: WorkRecord["kind"] = "task"): WorkRecord => ({
  ...{ id, kind, name: "charge", birth: 1, parent: 0, path: "/charge", askedAtMs: 0, input: "" },
});

const away = () => new LockstepError("database-unreachable", "gone");

/** A running piece of work that ends when it is told to. */
function held() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let stops = 0;
  const running: Running = {
    ended,
    stop() {
      stops += 1;
      return ended;
    },
  };
  return { running, end, stops: () => stops };
}

describe("the work of one actor", () => {
  function setUp() {
    const begun = new Map<string, ReturnType<typeof held>>();
    const work = new ActorWork(
      ({ id }) => {
        const piece = held();
        begun.set(id, piece);
        return piece.running;
      },
      (_, error) => {
        throw error;
      },
    );
    const follow = async (revision: number, ...ids: readonly string[]) => {
      work.follow({ revision, version: "1.0.0", work: ids.map((id) => recordOf(id)) });
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { begun, work, follow };
  }

  test("an entry that comes after a later one ends no work and begins none", async () => {
    const { begun, follow } = setUp();
    await follow(6, "six");
    await follow(5, "five");
    expect([...begun.keys()]).toEqual(["six"]);
    expect(begun.get("six")?.stops()).toBe(0);
  });

  test("work waits for what was ended, also where an entry without work is between them", async () => {
    const { begun, work, follow } = setUp();
    await follow(1, "one");
    await follow(2);
    await follow(3, "three");
    expect([...begun.keys()]).toEqual(["one"]);
    let isIdle: boolean | undefined;
    void work.isIdle().then((result) => {
      isIdle = result;
    });
    begun.get("one")?.end();
    await follow(4, "three");
    expect([...begun.keys()]).toEqual(["one", "three"]);
    expect(isIdle).toBe(false);
  });

  test("an actor that lives long keeps nothing of work that has ended", async () => {
    const never = { ended: new Promise<void>(() => {}), stop: async () => {} };
    const work = new ActorWork(
      () => never,
      () => {},
    );
    let revision = 0;
    const rounds = 2_000;
    const live = async () => {
      for (const end = revision + rounds; revision < end; revision += 1) {
        work.follow({ revision, version: "1.0.0", work: [recordOf(`w${revision}`)] });
        await new Promise((resolve) => setImmediate(resolve));
      }
      return Number(queryObjects(Array, { format: "count" }));
    };
    const before = await live();
    expect((await live()) - before).toBeLessThan(rounds / 2);
  });

  test("the end of all work waits for what was ended before", async () => {
    const { begun, work, follow } = setUp();
    await follow(1, "one");
    await follow(2);
    let isOver = false;
    void work.stop().then(() => {
      isOver = true;
    });
    await follow(3);
    expect(isOver).toBe(false);
    begun.get("one")?.end();
    await follow(4);
    expect(isOver).toBe(true);
  });
});

describe("the attempts of work", () => {
  const policyOf = (run: WorkPolicy["run"], rest: Partial<WorkPolicy> = {}): WorkPolicy => ({
    ...{ run, attemptsMax: 1, backoffMs: { first: 100, longest: 100 }, retryable: () => true },
    ...{ timeoutMs: null, heartbeatMs: null, ...rest },
  });

  function hostOf(rest: Partial<WorkHost> = {}) {
    const clock = createVirtualClock();
    const recorded: unknown[] = [];
    const lease = new AbortController();
    const host: WorkHost = {
      ...{ clock, log: silentLog, signals: [lease.signal], fence: 3 },
      openTransaction: () => Promise.reject(new Error("unused")),
      nowMs: async () => clock.monotonicMs(),
      before: async () => undefined,
      input: async () => "input",
      inTurn: (act) => act(),
      saveAttempt: async () => {},
      record: async ({ settled }) => void recorded.push(settled),
      ...rest,
    };
    return { host, clock, recorded, lease };
  }

  /** A call that fails so often before it answers. */
  function failing<Result>(times: number, answer: Result) {
    let left = times;
    return async () => {
      left -= 1;
      if (left >= 0) throw away();
      return answer;
    };
  }

  function laterEachTime() {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= 3) throw away();
      return calls * 1_000;
    };
  }

  test.each<[string, Partial<WorkHost>]>([
    ["its earlier attempts", { before: failing(3, undefined) }],
    ["its input", { input: failing(3, "input") }],
    ["the time", { nowMs: laterEachTime() }],
    ["the record of a failed attempt", { saveAttempt: failing(3, undefined) }],
  ])("an outage at %s does not end it", async (_what, rest) => {
    const { host, clock, recorded } = hostOf(rest);
    let attempts = 0;
    const policy = policyOf(
      async () => {
        attempts += 1;
        if (attempts === 1) throw new Error("once");
        return "done";
      },
      { attemptsMax: 2 },
    );
    const { ended } = runWork(recordOf("w"), "a", policy, host);
    await clock.advance(20_000);
    await ended;
    expect(recorded).toEqual([{ kind: "done", output: "done" }]);
  });

  test("work whose lease is over before it has its input does not begin", async () => {
    let answer = (_input: unknown) => {};
    const input = () =>
      new Promise<unknown>((resolve) => {
        answer = resolve;
      });
    const { host, lease } = hostOf({ input });
    let runs = 0;
    const policy = policyOf(() => {
      runs += 1;
      return new Promise(() => {});
    });
    const { ended } = runWork(recordOf("w"), "a", policy, host);
    await new Promise((resolve) => setImmediate(resolve));
    lease.abort(new Error("lost"));
    answer("late");
    await ended;
    expect(runs).toBe(0);
  });

  test("a transaction that begins after the attempt has timed out is ended", async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const ends: string[] = [];
    const { host, clock, recorded } = hostOf({
      openTransaction: async (act) => {
        await opened;
        const result = await act({} as never);
        const transaction = {
          session: {} as never,
          commit: async () => void ends.push("commit"),
          abort: async () => void ends.push("abort"),
        };
        return { open: transaction, result };
      },
    });
    const policy = policyOf((_input, { transaction }) => transaction(async () => "written"), {
      timeoutMs: 1_000,
    });
    const { ended } = runWork(recordOf("w"), "a", policy, host);
    await clock.advance(1_000 + limits.workStopGraceMs);
    await ended;
    open();
    await clock.advance(1);
    expect(recorded).toMatchObject([{ kind: "error", error: { code: "timeout" } }]);
    expect(ends).toEqual(["abort"]);
  });

  test("results that are lost with their transactions are written down, and in the end count as failed", async () => {
    const saved: WorkAttempt[] = [];
    let commits = 0;
    const { host, clock, recorded } = hostOf({
      saveAttempt: async (attempt) => void saved.push(attempt),
      openTransaction: async (act) => ({
        result: await act({} as never),
        open: { session: {} as never, commit: async () => {}, abort: async () => {} },
      }),
      record: async ({ settled, transaction }) => {
        if (transaction === null) return void recorded.push(settled);
        commits += 1;
        throw new LockstepError("conflict", "another transaction was first");
      },
    });
    const policy = policyOf((_input, { transaction }) => transaction(async () => "written"));
    const { ended } = runWork(recordOf("w"), "a", policy, host);
    await clock.advance(3_600_000);
    await ended;
    expect(commits).toBe(limits.unfinishedAttemptsMax);
    expect(saved.map(({ attempt }) => attempt)).toEqual(saved.map((_, index) => index + 1));
    expect(saved.at(-1)).toMatchObject({ attempt: commits, failures: 0 });
    expect(recorded).toMatchObject([{ kind: "error", error: { code: "attempts-lost" } }]);
  });

  test("work that kills one process after another fails in the end", async () => {
    const before = { work: "w", failures: 1, lastError: "", nextAtMs: null };
    const attemptsAfter = async (attempt: number) => {
      let runs = 0;
      const { host, recorded } = hostOf({ before: async () => ({ ...before, attempt }) });
      const policy = policyOf(async () => {
        runs += 1;
      });
      await runWork(recordOf("w"), "a", policy, host).ended;
      return { runs, recorded };
    };
    const last = limits.unfinishedAttemptsMax;
    expect((await attemptsAfter(last)).runs).toBe(1);
    const { runs, recorded } = await attemptsAfter(last + 1);
    expect(runs).toBe(0);
    expect(recorded).toMatchObject([{ kind: "error", error: { code: "attempts-lost" } }]);
  });

  test("an attempt has one transaction, also where it asks for two at once", async () => {
    const { host, recorded } = hostOf({
      openTransaction: async (act) => ({
        result: await act({} as never),
        open: { session: {} as never, commit: async () => {}, abort: async () => {} },
      }),
    });
    const policy = policyOf(async (_input, { transaction }) => {
      await Promise.all([transaction(async () => {}), transaction(async () => {})]);
    });
    await runWork(recordOf("w"), "a", policy, host).ended;
    expect(recorded).toMatchObject([{ kind: "error", error: { code: "wrong-state" } }]);
  });
});

/** A store whose first read of a tail is answered once a second one was. */
function withSlowFirstTail(store: EngineStore): EngineStore {
  let reads = 0;
  let second = () => {};
  const afterSecond = new Promise<void>((resolve) => {
    second = resolve;
  });
  return new Proxy(store, {
    get(target, name: keyof EngineStore) {
      if (name !== "tail") return (target[name] as () => unknown).bind(target);
      return async (...values: Parameters<EngineStore["tail"]>) => {
        reads += 1;
        if (reads === 1) await afterSecond;
        else setImmediate(() => setImmediate(second));
        return target.tail(...values);
      };
    },
  });
}

test("a message waits for its live child to begin, and no task waits for a child that has stopped", async () => {
  const listener = fromCallback(({ receive, sendBack }) => {
    receive(() => sendBack({ type: "HEARD" }));
  });
  const chart = setup({
    types: {} as { events: { type: "CALL" } | { type: "HEARD" } },
    actors: { listener, next: fromPromise<string>(async () => "done") },
  }).createMachine({
    initial: "listening",
    states: {
      listening: {
        invoke: { src: "listener", id: "ear" },
        on: { CALL: { actions: sendTo("ear", { type: "CALL" }) }, HEARD: "next" },
      },
      next: { invoke: { src: "next", onDone: "over" } },
      over: { type: "final" },
    },
  });
  const machine = durable(chart, { name: "ear", version: "1.0.0", tasks: { next: {} } });
  const store = createMemoryEngineStore({ nowMs: () => 0 });
  // Its time stands still: whoever waits for a grace waits for ever.
  const clock = createVirtualClock();
  const engine = await startEngine(
    { machines: [machine] },
    {
      ...{ store: withSlowFirstTail(store), clock, random: systemRandom, log: silentLog },
      ...{ host: "here", pid: 1 },
    },
  );
  await until("a worker", async () => (await store.partitions()).every(({ worker }) => worker));
  const id = await engine.start(machine, { id: "a" });
  await engine.send(machine, id, { type: "CALL" });
  await until("the end", async () => (await store.tail(id))?.status === "done", 10_000);
});
