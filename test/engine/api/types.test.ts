// Aim: everything is typed from the machine, without a cast of the user, and a wrong use is a compile error. Method: the
// compiler checks this file; each line below `@ts-expect-error` has to be an error. Nothing here runs but the declarations.
import { expect, test } from "vitest";
import { assign, fromCallback, fromPromise, setup } from "xstate";
import { durable, type Engine } from "../../../src/engine/index.ts";

type Equal<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
/** Compiles only where the value has exactly this type. */
function exactly<Expected>() {
  return <Found>(_value: Found, ..._same: Equal<Found, Expected> extends true ? [] : [never]) => {};
}

const part = setup({
  types: {} as { input: { page: string }; events: { type: "STOP" } },
  actors: { readPage: fromPromise<string[], { page: string }>(async () => []) },
  actions: { tell: (_, _params: { words: number }) => {} },
}).createMachine({
  initial: "a",
  states: { a: { entry: { type: "tell", params: { words: 1 } } } },
});

const machine = setup({
  types: {} as {
    input: { id: string; at: Date };
    context: { id: string; at: Date; receipt: string | null };
    events: { type: "PAID"; cents: number } | { type: "CANCEL" };
    output: { receipt: string };
    tags: "busy" | "settled";
    emitted: { type: "charged"; cents: number };
  },
  actors: {
    charge: fromPromise<{ receipt: string }, { id: string; cents: number }>(async () => ({
      receipt: "r",
    })),
    listen: fromCallback(() => {}),
    part,
  },
  actions: {
    mail: (_, _params: { to: string }) => {},
    ring: () => {},
  },
}).createMachine({
  context: ({ input }) => ({ ...input, receipt: null }),
  initial: "open",
  states: {
    open: { on: { PAID: "charging", CANCEL: "cancelled" }, entry: "ring" },
    charging: {
      tags: "busy",
      invoke: {
        src: "charge",
        input: ({ context }) => ({ id: context.id, cents: 1 }),
        onDone: {
          target: "paid",
          actions: assign({ receipt: ({ event }) => event.output.receipt }),
        },
      },
    },
    paid: { type: "final", entry: { type: "mail", params: ({ context }) => ({ to: context.id }) } },
    cancelled: { type: "final" },
  },
  output: ({ context }) => ({ receipt: context.receipt ?? "" }),
});

const door = durable(
  setup({
    types: {} as { events: { type: "GO" }; emitted: { type: "opened"; at: Date } },
  }).createMachine({
    initial: "shut",
    states: {
      shut: { on: { GO: "moving" } },
      moving: { initial: "up", states: { up: {}, down: {} } },
    },
  }),
  { name: "door", version: "1.0.0" },
);

const order = durable(machine, {
  name: "order",
  version: "1.1.0",
  tasks: {
    charge: {
      run: async (input, task) => {
        exactly<{ id: string; cents: number }>()(input);
        exactly<string>()(task.id);
        exactly<number>()(task.fence);
        const count = await task.transaction(async (session) => {
          exactly<boolean>()(session.inTransaction());
          return 3;
        });
        exactly<number>()(count);
        return { receipt: `${input.id} ${input.cents}` };
      },
      retry: { attempts: 3, backoff: "1s..1m", retryable: (error) => error instanceof TypeError },
      timeout: "30s",
    },
    // A task of a machine that this one invokes.
    readPage: { run: async ({ page }) => [page] },
  },
  actions: {
    mail: async (params, effect) => {
      exactly<{ to: string }>()(params);
      exactly<AbortSignal>()(effect.signal);
    },
    tell: async ({ words }) => exactly<number>()(words),
  },
  migrate: { "1.0.0": { context: (old) => ({ ...old, receipt: null }) } },
});

/** Never called: the compiler reads it. */
export async function use(engine: Engine): Promise<void> {
  const id = await engine.start(order, { id: "o", input: { id: "o", at: new Date(0) } });
  exactly<string>()(id);
  await engine.send(order, id, { type: "PAID", cents: 3 }, { key: "k" });
  const snapshot = await engine.get(order, id);
  exactly<{ id: string; at: Date; receipt: string | null }>()(snapshot.context);
  exactly<{ receipt: string } | undefined>()(snapshot.output);
  exactly<"open" | "charging" | "paid" | "cancelled">()(snapshot.value);
  snapshot.hasTag("settled");
  await engine.waitFor(order, id, ({ context }) => context.receipt !== null, { timeoutMs: 1 });
  for await (const change of engine.watch(order, id)) {
    exactly<Date>()(change.at);
    exactly<string>()(change.event.type);
    if (change.kind === "caller" && change.outcome === "applied") {
      exactly<"PAID" | "CANCEL">()(change.event.type);
      if (change.event.type === "PAID") exactly<number>()(change.event.cents);
    }
    // The machine below it declares no events that it emits, so they can be any.
    for (const { type } of change.emitted) exactly<string>()(type);
  }
  for await (const { emitted } of engine.watch(door, "d")) {
    exactly<readonly { type: "opened"; at: Date }[]>()(emitted);
  }
  await engine.list();
  await engine.list({ status: "error", limit: 3, after: "o" });
  await engine.list({ machine: order, state: "open", tag: "busy" });
  await engine.list({ machine: order.name, state: String(id), tag: String(id) });
  await engine.list({ machine: door, state: { moving: "up" } });
  const { actors } = await engine.list({ machine: door, state: "shut" });
  for (const { state } of actors) await engine.list({ machine: door.name, state });
}

/** Never called: each line is an error. */
export async function misuse(engine: Engine): Promise<void> {
  // @ts-expect-error: the machine has no such event
  await engine.send(order, "o", { type: "PAYED", cents: 3 });
  // @ts-expect-error: the event lacks a field
  await engine.send(order, "o", { type: "PAID" });
  // @ts-expect-error: a field of the event has another type
  await engine.send(order, "o", { type: "PAID", cents: "3" });
  // @ts-expect-error: the input lacks a field
  await engine.start(order, { id: "o", input: { id: "o" } });
  // @ts-expect-error: the machine needs an input
  await engine.start(order, { id: "o" });
  const snapshot = await engine.get(order, "o");
  // @ts-expect-error: the context has no such field
  snapshot.context.reciept;
  // @ts-expect-error: the machine has no such state
  snapshot.matches("payed");
  // @ts-expect-error: the machine has no such tag
  snapshot.hasTag("lazy");
  // @ts-expect-error: the machine has no such state
  await engine.waitFor(order, "o", (found) => found.value === "payed");
  // @ts-expect-error: the machine has no such state
  await engine.list({ machine: order, state: "payed" });
  // @ts-expect-error: the machine has no such tag
  await engine.list({ machine: order, tag: "lazy" });
  // @ts-expect-error: the machine has no such state
  await engine.list({ machine: door, state: { moving: "left" } });
  // @ts-expect-error: an actor is in a state of its regions, too
  await engine.list({ machine: door, state: "moving" });
  // @ts-expect-error: a state belongs to a machine
  await engine.list({ state: "open" });
  // @ts-expect-error: a tag belongs to a machine
  await engine.list({ tag: "busy" });
  // @ts-expect-error: actors have no such status
  await engine.list({ status: "running" });
  for await (const change of engine.watch(order, "o")) {
    if (change.kind !== "caller" || change.outcome === "rejected") continue;
    // @ts-expect-error: not each event of the machine has this field
    change.event.cents;
  }
}

/** Never called: each declaration is an error. */
export function misdeclare(): void {
  const name = "order";
  const version = "1.0.0";
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the machine invokes no such source
    tasks: { chrage: { run: async () => ({ receipt: "r" }) } },
  });
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the result has another type
    tasks: { charge: { run: async () => ({ receipt: 1 }) } },
  });
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the task's input has no such field
    tasks: { charge: { run: async ({ euros }) => ({ receipt: String(euros) }) } },
  });
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the machine has no such action
    actions: { post: async () => {} },
  });
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the action has no such parameter
    actions: { mail: async ({ cc }) => void cc },
  });
  durable(machine, {
    name,
    version,
    // @ts-expect-error: the migrated context lacks fields
    migrate: { "0.9.0": { context: () => ({ id: "x" }) } },
  });
  // @ts-expect-error: a version is missing
  durable(machine, { name });
}

test("the declaration that the compiler has checked is valid at run time too", () => {
  expect(order.tasks.get("charge")?.attemptsMax).toBe(3);
  expect([...order.actions.keys()]).toEqual(["mail", "tell"]);
});
