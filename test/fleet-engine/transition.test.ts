// Aim: the pure step: what an entry holds, which timers and effects stay pending, which writes join it.
// Method: small machines, every field of the next entry.
import { describe, expect, test } from "vitest";
import { cancel, enqueueActions, raise, setup } from "xstate";
import { callerKey, type EventKey, effectKey, timerKey } from "../../src/fleet-engine/event-key.ts";
import { readEntry } from "../../src/fleet-engine/read/read-entry.ts";
import { refuseMachine } from "../../src/fleet-engine/refuse-machine.ts";
import {
  type Definition,
  firstTransition,
  nextTransition,
  takeoverTransition,
} from "../../src/fleet-engine/transition.ts";
import type { Entry } from "../../src/journal/store.ts";

const machine = setup({
  types: { events: {} as { type: string; delayMs?: number; name?: string } },
  actions: {
    cancelEffects: (_, _params: object) => {},
    work: (_, _params: object) => {},
    other: (_, _params: object) => {},
    write: (_, _params: object) => {},
  },
  guards: {
    explode: () => {
      throw new Error("a guard that throws");
    },
  },
}).createMachine({
  id: "job",
  initial: "working",
  states: {
    working: {
      entry: [
        raise({ type: "late" }, { id: "deadline", delay: 5 }),
        { type: "work", params: { n: 1 } },
      ],
      on: {
        arm: {
          actions: enqueueActions(({ enqueue, event }) => {
            enqueue.raise({ type: "late" }, { id: event.name ?? "", delay: event.delayMs ?? 0 });
          }),
        },
        armUnnamed: { actions: raise({ type: "late" }, { delay: 3 }) },
        disarm: { actions: cancel(({ event }) => event.name ?? "") },
        more: { actions: { type: "other", params: {} } },
        stop: { actions: { type: "cancelEffects", params: {} } },
        stopOne: {
          actions: { type: "cancelEffects", params: ({ event }) => ({ name: event.name }) },
        },
        write: { actions: { type: "write", params: { value: 7 } } },
        note: {},
        worked: { target: "done", actions: { type: "other", params: {} } },
        poison: { guard: "explode", target: "done" },
      },
    },
    done: { type: "final", entry: { type: "work", params: { n: 2 } } },
  },
});

const definition: Definition = {
  machine,
  protocol: 3,
  writes: {
    write: (params, info) => [
      { collection: "c", id: "i", expect: {}, set: { ...params, ...info } },
    ],
  },
};
const owner = { kind: "role", role: "master" } as const;
const base = { actor: "job/1", machine: "job", owner };
const first = firstTransition(definition, base, { some: "input" }, { epoch: 1, at: 100 });
const after = (...events: readonly ({ type: string } & Record<string, unknown>)[]): Entry => {
  let tail = first.entry;
  for (const { key, ...event } of events) {
    const stamp = { epoch: 1, at: tail.at + 10, ...(key ? { eventKey: key as EventKey } : {}) };
    tail = nextTransition(definition, tail, event as { type: string }, stamp).entry;
  }
  return tail;
};
const deadline = { id: "job/1/0/0", name: "deadline", event: { type: "late" }, dueAt: 105 };
const work = { id: "job/1/0/1", name: "work", params: { n: 1 } };

test("the first entry", () => {
  const created = firstTransition(definition, base, { some: "input" }, { epoch: 1, at: 100 });
  expect("eventKey" in created.entry).toBe(false);
  expect(created).toEqual({
    entry: {
      ...base,
      revision: 0,
      event: { type: "lockstep.created", input: { some: "input" } },
      outcome: "applied",
      snapshot: expect.stringContaining('"value":"working"'),
      state: "working",
      status: "active",
      timers: [deadline],
      effects: [work],
      epoch: 1,
      protocol: 3,
      at: 100,
    },
    writes: [],
  });
});

test("the next entry, with its key", () => {
  const event = { type: "more" };
  const { entry } = nextTransition(definition, first.entry, event, {
    epoch: 2,
    at: 110,
    eventKey: callerKey("k"),
  });
  expect(entry).toEqual({
    ...first.entry,
    ...{ revision: 1, event, eventKey: callerKey("k"), epoch: 2, at: 110 },
    effects: [work, { id: "job/1/1/0", name: "other", params: {} }],
  });
});

describe("timers", () => {
  test("another one is armed beside, also one of the same id, as in XState", () => {
    const armed = after({ type: "arm", name: "second", delayMs: 0 });
    expect(armed.timers).toEqual([
      deadline,
      { id: "job/1/1/0", name: "second", event: { type: "late" }, dueAt: 110 },
    ]);
    const again = after({ type: "arm", name: "deadline", delayMs: 7 });
    expect(again.timers).toEqual([deadline, { ...deadline, id: "job/1/1/0", dueAt: 117 }]);
  });
  test("one without an id has that of its place", () => {
    const id = "job/1/1/0";
    const { timers } = after({ type: "armUnnamed" });
    expect(timers).toEqual([deadline, { id, name: id, event: { type: "late" }, dueAt: 113 }]);
  });
  test("one in the past is refused", () => {
    expect(() => after({ type: "arm", name: "second", delayMs: -1 })).toThrow(
      expect.objectContaining({ code: "invariant-broken" }),
    );
  });
  test("one is disarmed by its id, the last of two; one that fired is spent", () => {
    expect(after({ type: "disarm", name: "deadline" }).timers).toEqual([]);
    const twice = after(
      { type: "arm", name: "deadline", delayMs: 7 },
      { type: "disarm", name: "deadline" },
    );
    expect(twice.timers).toEqual([deadline]);
    expect(after({ type: "disarm", name: "another" }).timers).toEqual([deadline]);
    expect(after({ type: "note", key: timerKey(deadline.id) })).toMatchObject({
      timers: [],
      effects: [work],
    });
  });
});

test("`after` is armed with its state, and disarmed when the state is left", () => {
  const waiting = setup({
    types: {} as { context: { waitMs: number }; input: number },
    delays: { wait: ({ context }) => context.waitMs },
  }).createMachine({
    id: "waiting",
    context: ({ input }) => ({ waitMs: input }),
    initial: "at-rest",
    states: { "at-rest": { after: { wait: "late" }, on: { go: "going" } }, late: {}, going: {} },
  });
  const waits: Definition = { machine: waiting, protocol: 1 };
  expect(() => refuseMachine("waiting", waits, {})).not.toThrow();
  const { entry } = firstTransition(waits, base, 5, { epoch: 1, at: 100 });
  const type = "xstate.after.wait.waiting.at-rest";
  expect(entry.timers).toEqual([{ id: "job/1/0/0", name: type, event: { type }, dueAt: 105 }]);
  const stamp = { epoch: 1, at: 105, eventKey: timerKey("job/1/0/0") };
  const fired = nextTransition(waits, entry, { type }, stamp).entry;
  expect(fired).toMatchObject({ state: "late", timers: [] });
  const left = nextTransition(waits, entry, { type: "go" }, { epoch: 1, at: 101 }).entry;
  expect(left).toMatchObject({ state: "going", timers: [] });
  expect(readEntry({ job: { ...waits, effects: {} } }, entry)).toEqual({
    context: { waitMs: 5 },
  });
});

describe("effects", () => {
  test("all are cancelled, or those of one name", () => {
    expect(after({ type: "more" }, { type: "stop" }).effects).toEqual([]);
    const left = after({ type: "more" }, { type: "stopOne", name: "work" }).effects;
    expect(left.map(({ name }) => name)).toEqual(["other"]);
    expect(after({ type: "stopOne", name: "nobody" }).effects).toEqual([work]);
  });
  test("one that was answered is pending no more", () => {
    expect(after({ type: "note", key: effectKey(work.id) })).toMatchObject({
      timers: [deadline],
      effects: [],
    });
  });
  test("at the end only what the end itself asked for is pending", () => {
    const end = after({ type: "worked" });
    expect(end).toMatchObject({ state: "done", status: "done", timers: [] });
    expect(end.effects.map(({ name, id }) => [name, id])).toEqual([
      ["other", "job/1/1/0"],
      ["work", "job/1/1/1"],
    ]);
  });
});

test("a named write joins its entry, told who writes and when", () => {
  const stamp = { epoch: 1, at: 110, eventKey: callerKey("k") };
  const { entry, writes } = nextTransition(definition, first.entry, { type: "write" }, stamp);
  expect(writes).toEqual([
    {
      ...{ collection: "c", id: "i", expect: {} },
      set: expect.objectContaining({ value: 7, actor: "job/1", epoch: 1, at: 110 }),
    },
  ]);
  expect(entry.effects).toEqual([work]);
});

describe("what changes nothing is recorded all the same", () => {
  const unchanged = (tail: Entry) => ({
    snapshot: tail.snapshot,
    state: tail.state,
    status: tail.status,
    timers: tail.timers,
    effects: tail.effects,
    protocol: tail.protocol,
  });
  test("an event that the state does not take", () => {
    const entry = after({ type: "unheard-of", key: callerKey("k") });
    expect(entry).toMatchObject({
      ...unchanged(first.entry),
      outcome: "ignored",
      eventKey: callerKey("k"),
    });
    expect(entry.revision).toBe(1);
  });
  test("a snapshot that another release wrote stays as it wrote it", () => {
    const snapshot = JSON.stringify(JSON.parse(first.entry.snapshot), null, 2);
    const tail = { ...first.entry, snapshot };
    const { entry } = nextTransition(
      definition,
      tail,
      { type: "unheard-of" },
      { epoch: 1, at: 110 },
    );
    expect(entry.snapshot).toBe(snapshot);
  });
  test("one that an end does not take, with its key or without", () => {
    const end = after({ type: "worked" });
    const stamp = { epoch: 1, at: 120 };
    const { entry, writes } = nextTransition(definition, end, { type: "more" }, stamp);
    expect(entry).toEqual({
      ...end,
      ...{ revision: 2, event: { type: "more" }, outcome: "ignored", at: 120 },
    });
    expect(writes).toEqual([]);
    expect("eventKey" in entry).toBe(false);
    const keyed = nextTransition(
      definition,
      end,
      { type: "more" },
      { ...stamp, eventKey: effectKey(work.id) },
    );
    expect(keyed.entry.eventKey).toBe(effectKey(work.id));
  });
  test("one whose guard throws: its key is consumed, what it answers is pending no more", () => {
    const entry = after({ type: "poison", key: effectKey(work.id) });
    expect(entry).toMatchObject({
      ...{ ...unchanged(first.entry), effects: [] },
      outcome: "rejected",
      eventKey: effectKey(work.id),
    });
  });
  test("a takeover", () => {
    const { entry, writes } = takeoverTransition(first.entry, { epoch: 2, at: 200 });
    expect(entry).toEqual({
      ...first.entry,
      ...{ revision: 1, event: { type: "lockstep.takeover" }, outcome: "takeover" },
      ...{ epoch: 2, at: 200 },
    });
    expect(writes).toEqual([]);
  });
});

test("the chain rule: an epoch never falls, and a takeover raises it", () => {
  const broken = expect.objectContaining({ code: "invariant-broken" });
  const tail = { ...first.entry, epoch: 2 };
  expect(() => nextTransition(definition, tail, { type: "more" }, { epoch: 1, at: 1 })).toThrow(
    broken,
  );
  expect(() => takeoverTransition(tail, { epoch: 2, at: 1 })).toThrow(broken);
  expect(nextTransition(definition, tail, { type: "more" }, { epoch: 2, at: 1 }).entry.epoch).toBe(
    2,
  );
});

test("a snapshot that is too large is refused", () => {
  const large = setup({ types: { context: {} as { text: string } } }).createMachine({
    id: "large",
    context: ({ input }) => ({ text: "x".repeat(Number(input)) }),
  });
  const create = (length: number) =>
    firstTransition({ machine: large, protocol: 1 }, base, length, { epoch: 1, at: 0 });
  expect(create(1_000).entry.state).toBe("{}");
  expect(() => create(4 * 1024 * 1024)).toThrow(
    expect.objectContaining({ code: "entry-too-large" }),
  );
});

test("every action needs somebody: the engine, a write, or an effect", () => {
  const refused = (effects: Record<string, unknown>, writes = definition.writes ?? {}) => {
    try {
      refuseMachine("job", { ...definition, writes }, effects);
      return null;
    } catch (error) {
      return error;
    }
  };
  expect(refused({ work: 1, other: 1 })).toBeNull();
  expect(refused({ other: 1 })).toMatchObject({
    code: "machine-not-supported",
    details: { machine: "job", missing: ["work"] },
  });
  expect(refused({ work: 1, other: 1 }, {})).toMatchObject({ details: { missing: ["write"] } });
  const { writes: _none, ...bare } = definition;
  expect(() => refuseMachine("job", bare, { work: 1, other: 1, write: 1 })).not.toThrow();
});
