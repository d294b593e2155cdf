// Aim: the public kit plays a user's machine through every crash. Method: machines with everything that a process can lose.
import { expect, test } from "vitest";
import {
  assign,
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  type Subscribable,
  setup,
} from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";
import { crashAnywhere } from "../../../src/engine/testing/crash-anywhere.ts";
import { orderMachine } from "../api/order-machine.ts";

/** An observable that ends at once. */
const ending = {
  subscribe(observer: { complete?: () => void }) {
    observer.complete?.();
    return { unsubscribe() {} };
  },
} as unknown as Subscribable<unknown>;

function orderOf(failures: { left: number }) {
  return durable(orderMachine, {
    name: "order",
    version: "1.0.0",
    tasks: {
      charge: {
        run: async ({ id }) => {
          if (failures.left > 0) {
            failures.left -= 1;
            throw new Error("not yet");
          }
          return `receipt of ${id}`;
        },
        retry: { attempts: 5, backoff: "1s" },
      },
    },
    actions: { sendMail: async () => {} },
  });
}

test("an order survives a crash at every write and between any two events", async () => {
  const failures = { left: 0 };
  const report = await crashAnywhere(
    orderOf(failures),
    [{ elapse: "59s" }, { send: { type: "PAID" } }, { elapse: 49 }, { elapse: 1 }],
    { input: { id: "o-1" } },
  );
  expect(report.writes.length).toBeGreaterThan(8);
  expect(report.runs).toBe(1 + 3 * report.writes.length + 4);
});

test("a deadline of 30 days passes in no time", async () => {
  const machine = setup({}).createMachine({
    initial: "waiting",
    states: {
      waiting: { after: { [30 * 86_400_000]: "over" } },
      over: { type: "final" },
    },
  });
  await crashAnywhere(durable(machine, { name: "month", version: "1.0.0" }), [
    { elapse: "29d" },
    { elapse: "1d" },
  ]);
});

test("a task that fails twice is tried again at the same moments, whatever dies meanwhile", async () => {
  const failures = { left: 0 };
  const report = await crashAnywhere(
    orderOf(failures),
    [{ send: { type: "PAID" } }, { elapse: "1s" }, { elapse: "1s" }, { elapse: 50 }],
    {
      input: { id: "o-1" },
      faults: ["before", "lost"],
      reset: () => {
        failures.left = 2;
      },
    },
  ).catch((error: unknown) => error);
  // A crash costs an attempt: the task of this test then fails at another one.
  expect(report).toMatchObject({
    code: "differs-from-live",
    details: {
      point: expect.stringMatching(/^killed before write \d+: attempt of actor\/0\/1\/0$/),
    },
  });
});

test("a machine that does not answer by its events alone is reported with the place of the crash", async () => {
  let calls = 0;
  const machine = setup({
    types: {} as { context: { answer: number }; events: { type: "GO" } },
    actors: { work: fromPromise<number>(async () => 0) },
  }).createMachine({
    context: { answer: 0 },
    initial: "idle",
    states: {
      idle: { on: { GO: "busy" } },
      busy: {
        invoke: {
          src: "work",
          onDone: {
            target: "idle",
            actions: assign({ answer: ({ event }) => event.output }),
          },
        },
      },
    },
  });
  const impure = durable(machine, {
    name: "impure",
    version: "1.0.0",
    tasks: {
      work: {
        run: async () => {
          calls += 1;
          return calls;
        },
      },
    },
  });
  const reset = () => {
    calls = 0;
  };
  await expect(crashAnywhere(impure, [{ send: { type: "GO" } }], { reset })).rejects.toMatchObject({
    code: "differs-from-live",
    details: {
      where: "context",
      step: 1,
      point: expect.stringMatching(
        /^killed before write \d+: actor\/2 \(result xstate\.done\.actor\.0\.\(machine\)\.busy\)$/,
      ),
      live: '{"answer":1}',
      durable: '{"answer":2}',
    },
  });
});

test("an event of a callback counts once, also where the answer of its append is lost", async () => {
  let say = () => {};
  const machine = setup({
    types: {} as { context: { heard: number }; events: { type: "SAID" } },
    actors: {
      ears: fromCallback(({ sendBack }) => {
        say = () => sendBack({ type: "SAID" });
      }),
    },
  }).createMachine({
    context: { heard: 0 },
    invoke: { src: "ears" },
    on: { SAID: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
  });
  const listening = durable(machine, { name: "listening", version: "1.0.0" });
  await crashAnywhere(listening, [{ act: () => say() }], { faults: ["lost"] });
});

test("a timer without a delay fires before the next step, live and durable", async () => {
  const machine = setup({
    types: {} as { events: { type: "GO" } },
  }).createMachine({
    initial: "idle",
    states: {
      idle: { on: { GO: "soon" } },
      soon: { after: { 0: "over" } },
      over: {},
    },
  });
  await crashAnywhere(durable(machine, { name: "soon", version: "1.0.0" }), [
    { send: { type: "GO" } },
    { send: { type: "GO" } },
  ]);
});

test.each([
  { what: "a promise that answers", own: fromPromise(async () => 2) },
  { what: "a promise that fails", own: fromPromise(async () => Promise.reject(new Error("away"))) },
  { what: "an observable that ends", own: fromObservable(() => ending) },
  {
    what: "a callback that throws",
    own: fromCallback(() => {
      throw new Error("no ears");
    }),
  },
])("work of the machine's own logic is compared: $what", async ({ own }) => {
  const machine = createMachine({
    initial: "busy",
    states: {
      busy: { invoke: { src: "own", onDone: "done", onError: "failed" } },
      done: {},
      failed: {},
    },
  }).provide({ actors: { own: own as never } });
  await crashAnywhere(durable(machine, { name: "own", version: "1.0.0" }), [{ elapse: "1s" }]);
});

test("a task without `run` is compared: it runs the machine's own promise", async () => {
  const machine = setup({
    actors: { own: fromPromise<number, number>(async ({ input }) => input + 1) },
  }).createMachine({
    context: { sum: 0 },
    initial: "busy",
    states: {
      busy: {
        invoke: {
          src: "own",
          input: 1,
          onDone: { target: "done", actions: assign({ sum: ({ event }) => event.output }) },
        },
      },
      done: {},
    },
  });
  const adding = durable(machine, { name: "adding", version: "1.0.0", tasks: { own: {} } });
  await crashAnywhere(adding, [{ elapse: "1s" }]);
});
