// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
import { expect, test } from "vitest";
import {
  type AnyStateMachine,
  assign,
  cancel,
  createActor,
  emit,
  enqueueActions,
  fromCallback,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import type { Entry } from "../../../src/engine/journal/entry.ts";
import { LiveSystem } from "../../../src/engine/system/live-system.ts";
import type { Cause, Chart, Outcome } from "../../../src/engine/system/outcome.ts";

function chartOf(
  machine: AnyStateMachine,
  tasks: readonly string[] = [],
  actions: readonly string[] = [],
): Chart {
  return { machine, tasks: new Set(tasks), actions: new Set(actions) };
}

/** A system that is written down and revived between any two events. */
function reborn(chart: Chart, input?: unknown) {
  const options = { chart, onOutside: () => {} };
  let revision = 0;
  let nowMs = 0;
  let [, outcome] = LiveSystem.begin(options, input, {
    actor: "a",
    startedAtMs: 0,
    revision,
    nowMs,
  });
  const entry = () => ({ actor: "a", ...outcome }) as unknown as Entry;
  const run = (cause: Cause): Outcome => {
    revision += 1;
    outcome = LiveSystem.revive(options, entry()).run(cause, {
      actor: "a",
      startedAtMs: 0,
      revision,
      nowMs,
    });
    return outcome;
  };
  return {
    get outcome() {
      return outcome;
    },
    get snapshot() {
      return LiveSystem.revive(options, entry()).snapshot as {
        context: any;
        value: any;
        status: string;
        output: any;
      };
    },
    send: (event: object) => run({ kind: "event", birth: 0, event }),
    run,
    elapse(ms: number) {
      const until = nowMs + ms;
      for (;;) {
        const next = [...outcome.timers].sort((a, b) => a.dueAtMs - b.dueAtMs)[0];
        if (!next || next.dueAtMs > until) break;
        nowMs = next.dueAtMs;
        run({ kind: "timer", id: next.id });
      }
      nowMs = until;
      return outcome;
    },
  };
}

test("after, delayed raise and cancel survive a restart with their deadlines", () => {
  const machine = setup({}).createMachine({
    context: { seen: [] as string[] },
    initial: "a",
    on: {
      "*": { actions: assign({ seen: ({ context, event }) => [...context["seen"], event.type] }) },
    },
    states: {
      a: {
        entry: [
          raise({ type: "LATE" }, { delay: 50, id: "late" }),
          raise({ type: "NEVER" }, { delay: 60, id: "never" }),
        ],
        after: { 100: "b" },
        on: { STOP: { actions: cancel("never") } },
      },
      b: { type: "final" },
    },
  });
  const actor = reborn(chartOf(machine));
  actor.send({ type: "STOP" });
  actor.elapse(99);
  expect(actor.snapshot.value).toBe("a");
  expect(actor.snapshot.context["seen"]).toEqual(["LATE"]);
  actor.elapse(1);
  expect(actor.outcome.status).toBe("done");
  expect(actor.outcome.timers).toEqual([]);
});

test("a task's result counts once and only in the visit that asked for it", () => {
  const machine = setup({
    actors: { work: fromPromise(async ({ input }: { input: number }) => input) },
  }).createMachine({
    context: { got: [] as unknown[] },
    initial: "busy",
    states: {
      busy: {
        invoke: {
          src: "work",
          input: 7,
          onDone: {
            actions: assign({ got: ({ context, event }) => [...context["got"], event.output] }),
            target: "idle",
          },
          onError: "failed",
        },
        on: { AGAIN: { target: "busy", reenter: true } },
      },
      idle: {},
      failed: {},
    },
  });
  const actor = reborn(chartOf(machine, ["work"]));
  const [first] = actor.outcome.work;
  expect(first).toMatchObject({ id: "a/0/0/0", kind: "task", name: "work", input: "7" });
  actor.send({ type: "AGAIN" });
  const [second] = actor.outcome.work;
  expect(second?.id).toBe("a/0/1/0");
  const stale = actor.run({
    kind: "settled",
    workId: "a/0/0/0",
    settled: { kind: "done", output: 1 },
  });
  expect(stale.taken).toBe(false);
  actor.run({ kind: "settled", workId: "a/0/1/0", settled: { kind: "done", output: 2 } });
  expect(actor.snapshot.value).toBe("idle");
  expect(actor.snapshot.context["got"]).toEqual([2]);
  expect(actor.outcome.work).toEqual([]);
});

test("children: machines, pure logic, parents, refs in contexts and in inputs", () => {
  const child = setup({}).createMachine({
    context: ({ input }: any) => ({ parent: input.parent, n: 0 }),
    on: {
      PING: {
        actions: [
          assign({ n: ({ context }: any) => context.n + 1 }),
          sendTo(
            ({ context }: any) => context.parent,
            ({ context }: any) => ({ type: "PONG", n: context.n }),
          ),
        ],
      },
      UP: { actions: sendParent({ type: "CAME" }) },
    },
    after: { 10: { actions: sendParent({ type: "TICK" }) } },
  } as any);
  const machine = setup({
    actors: {
      child,
      counter: fromTransition(
        (state: { sum: number }, event: { type: string }) => ({
          sum: state.sum + (event.type === "ADD" ? 1 : 0),
        }),
        { sum: 0 },
      ),
    },
  }).createMachine({
    context: { log: [] as unknown[], ref: undefined as any },
    entry: [
      spawnChild("child", { id: "kid", input: ({ self }: any) => ({ parent: self }) } as any),
      spawnChild("counter", { id: "counter" }),
      assign({
        ref: ({ spawn, self }: any) => spawn("child", { id: "second", input: { parent: self } }),
      }),
    ],
    on: {
      GO: {
        actions: [
          sendTo("kid", { type: "PING" }),
          sendTo("counter", { type: "ADD" }),
          sendTo(({ context }) => context["ref"], { type: "UP" }),
        ],
      },
      END: { actions: stopChild("kid") },
      "*": { actions: assign({ log: ({ context, event }) => [...context["log"], event] }) },
    },
  } as any);
  const actor = reborn(chartOf(machine as any));
  actor.send({ type: "GO" });
  actor.send({ type: "GO" });
  expect(actor.snapshot.context["log"]).toEqual([
    { type: "PONG", n: 1 },
    { type: "CAME" },
    { type: "PONG", n: 2 },
    { type: "CAME" },
  ]);
  expect((actor.snapshot as any).children.counter.getSnapshot().context).toEqual({ sum: 2 });
  actor.send({ type: "END" });
  actor.elapse(20);
  expect(actor.snapshot.context["log"].slice(4)).toEqual([{ type: "TICK" }]);
});

test("actions, emitted events, callbacks", () => {
  const machine = setup({
    actors: { ears: fromCallback(() => {}) },
    actions: { own: () => {} },
  }).createMachine({
    invoke: { src: "ears", id: "ears" },
    on: {
      GO: {
        actions: enqueueActions(({ enqueue }) => {
          enqueue({ type: "mail", params: { to: "x" } } as any);
          enqueue("own");
          enqueue(() => {});
          enqueue(emit({ type: "news" } as any));
          enqueue(sendTo("ears", { type: "HEAR" }));
        }),
      },
    },
  } as any);
  const actor = reborn(chartOf(machine as any, [], ["mail"]));
  const outcome = actor.send({ type: "GO" });
  expect(outcome.work.map(({ kind, name, input }) => [kind, name, input])).toEqual([
    ["live", "ears", '{"@":"undefined"}'],
    ["action", "mail", '{"to":"x"}'],
    ["message", "", '{"type":"HEAR"}'],
  ]);
  expect(outcome.closures).toHaveLength(2);
  expect(outcome.emitted).toEqual([{ type: "news" }]);
});

test("a systemId that XState keeps for an actor which never started stays taken after a restart", () => {
  const failing = setup({ actors: { inner: fromTransition((state) => state, 0) } }).createMachine({
    entry: [
      spawnChild("inner", { id: "inner", systemId: "one" }),
      () => {},
      assign(() => {
        throw new Error("it fails at its start");
      }),
    ],
  });
  const machine = setup({
    actors: { failing, other: fromTransition((state) => state, 0) },
  }).createMachine({
    initial: "waiting",
    states: {
      waiting: { on: { BEGIN: "failing" } },
      failing: { invoke: { src: "failing", onError: "failed" } },
      failed: {
        on: { AGAIN: { actions: spawnChild("other", { id: "other", systemId: "one" }) } },
      },
    },
  });
  const live = createActor(machine);
  const errors: unknown[] = [];
  live.subscribe({ error: (error) => errors.push(error) });
  live.start();
  live.send({ type: "BEGIN" });
  expect(live.getSnapshot().value).toBe("failed");
  live.send({ type: "AGAIN" });
  expect(String(errors[0])).toContain("already exists");

  const actor = reborn(chartOf(machine as any));
  actor.send({ type: "BEGIN" });
  expect(actor.snapshot.value).toBe("failed");
  expect(String(actor.send({ type: "AGAIN" }).failure?.error)).toContain("already exists");
});

test("a history that remembers no state remembers none after a restart", () => {
  const isFew = ({ context }: any) => context.n < 10;
  const machine = setup({}).createMachine({
    context: { n: 0 },
    initial: "outer",
    on: { BACK: "#outer-history" },
    states: {
      outer: {
        initial: "both",
        states: {
          history: { type: "history", id: "outer-history" },
          both: {
            type: "parallel",
            states: {
              history: { type: "history", id: "both-history" },
              one: {
                always: {
                  target: "#both-history",
                  guard: isFew,
                  actions: assign({ n: ({ context }) => context["n"] + 1 }),
                },
              },
              two: {},
            },
          },
        },
      },
    },
  });
  const nodesOf = (snapshot: any) => snapshot._nodes.map(({ id }: { id: string }) => id);
  const live = createActor(machine).start();
  const actor = reborn(chartOf(machine as any));
  for (let turn = 0; turn < 3; turn += 1) {
    live.send({ type: "BACK" });
    actor.send({ type: "BACK" });
    expect(nodesOf(actor.snapshot)).toEqual(nodesOf(live.getSnapshot()));
  }
});
