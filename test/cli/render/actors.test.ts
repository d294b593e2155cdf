// Aim: what people read of an engine's actors, to the letter, and the words of a command line that are refused.
import { expect, test } from "vitest";
import { parseSince } from "../../../src/cli/commands/actors/read.ts";
import { parseEvent } from "../../../src/cli/commands/actors/send.ts";
import { renderActor, renderList, renderSent, renderWhy } from "../../../src/cli/render/actors.ts";
import type { ListedActors } from "../../../src/operator/actors/list.ts";
import type { SentByHand } from "../../../src/operator/actors/send-event.ts";
import type { ActorWhy, ShownActor } from "../../../src/operator/actors/show-actor.ts";

const nowMs = Date.UTC(2026, 0, 31, 6);
const ago = (ms: number) => new Date(nowMs - ms);
const hour = 3_600_000;

const listed: ListedActors["actors"][number] = {
  ...{ id: "o-17", machine: "order", version: "1.0.0", state: "open", tags: [] },
  ...{ status: "active", since: ago(2_000), due: new Date(nowMs + 90_000) },
};
const list: ListedActors = {
  actors: [
    listed,
    { ...listed, id: "o-9\u001b[2J", state: "charging", since: ago(29 * hour), due: new Date(0) },
    { ...listed, id: "o-9\u202e\nx", state: "failed", status: "error", due: null },
    { ...listed, id: "o-99", since: ago(hour + 60_000), due: ago(3_000) },
  ],
  ...{ next: "o-99", staleMs: 30_000, workers: 1, database: "shop", nowMs },
};

test("a list has a line for each actor, says how stale it may be, and how to go on", () => {
  expect(renderList(list)).toEqual([
    "o-17              order 1.0.0  open             since 2026-01-31 05:59:58 UTC (2.0 s ago)      due in 1 min 30 s",
    "o-9\\u001b[2J      order 1.0.0  charging         since 2026-01-30 01:00:00 UTC (1 d 5 h ago)    work waits",
    "o-9\\u202e\\u000ax  order 1.0.0  failed    error  since 2026-01-31 05:59:58 UTC (2.0 s ago)",
    "o-99              order 1.0.0  open             since 2026-01-31 04:59:00 UTC (1 h 1 min ago)  due for 3.0 s",
    '4 actors in "shop"; the list may be up to 30.0 s behind',
    "there may be more: go on with --after o-99",
  ]);
  expect(renderList({ ...list, actors: [], next: null, workers: 0 })).toEqual([
    'no actor matches in "shop"; no worker is alive for them: the list does not have what has happened since the last one wrote it',
  ]);
});

const worker = { name: "w", host: "h1", pid: 7, isAlive: true };
const standing: Omit<ActorWhy, "events" | "reason" | "lack" | "isStuck"> = {
  ...{ id: "o-17", machine: "order", version: "1.0.0", database: "shop", state: "charging" },
  ...{ status: "active", since: ago(hour), timers: [], work: [], nowMs },
  worker,
};
const why: ActorWhy = { ...standing, events: null, reason: null, lack: null, isStuck: false };
const timer = { event: "xstate.after.60000.m.charging", at: new Date(nowMs + 60_000) };
const work: ActorWhy["work"][number] = {
  ...{ id: "w-1", kind: "task", name: "charge", attempt: 3 },
  ...{ lastError: "no\nbank\u001b[1m", nextAttempt: new Date(nowMs + 4_000) },
};

test("without the machine, why says what is not known, and shows timers, work and worker", () => {
  expect(renderWhy({ ...why, timers: [timer], work: [work] })).toEqual([
    "o-17  order 1.0.0  charging  since 2026-01-31 05:00:00 UTC (1 h ago)",
    "  it moves when its work ends, or by an event",
    "  events  not known without the machine: name its module with --module",
    "  timer   xstate.after.60000.m.charging  2026-01-31 06:01:00 UTC (in 1 min)",
    "  work    task charge, attempt 3; next attempt 2026-01-31 06:00:04 UTC (in 4.0 s); last error: no\\u000abank\\u001b[1m",
    "  worker  h1, process 7",
  ]);
});

test.each<[string, Partial<ActorWhy>, string]>([
  ["a timer", { timers: [{ ...timer, at: ago(1) }, timer] }, "or by its timer xstate.after.60000"],
  ["only an event that nobody knows", {}, "only an event can move it"],
  ["events", { events: ["PAY", "STOP"] }, "it waits for an event: PAY, STOP"],
  ["nothing", { events: [], isStuck: true }, "it is stuck: no event"],
  ["an end", { status: "done", isStuck: true }, "it has ended (done): nothing moves it"],
  ["an end with actions", { status: "done", work: [work] }, "only its actions are left"],
  ["a lack", { lack: 'the task "x"' }, 'the module lacks the task "x"'],
])("why answers for an actor with %s", (_name, part, words) => {
  expect(renderWhy({ ...why, ...part })[1]).toContain(words);
});

test("why says which events there are, that there are none, or why it cannot tell", () => {
  const line = (part: Partial<ActorWhy>) => renderWhy({ ...why, ...part })[2];
  expect(line({ events: ["PAY", "STOP"] })).toBe("  events  PAY, STOP");
  expect(line({ events: [] })).toBe("  events  none");
  const reason = { code: "entry-not-readable", message: "no version" };
  expect(line({ reason })).toBe("  events  not known: entry-not-readable: no version");
});

test("timers and work wait where no worker owns the actor, or its worker is gone", () => {
  const last = (part: Partial<ActorWhy>) => renderWhy({ ...why, timers: [timer], ...part }).at(-1);
  const rest = 'its timers and its work wait until one comes; start a process with "order"';
  expect(last({ worker: null })).toBe(`  worker  none owns it: ${rest}`);
  expect(last({ worker: { ...worker, isAlive: false } })).toBe(
    `  worker  h1, process 7, is gone: ${rest}`,
  );
  expect(last({ worker: null, timers: [] })).not.toContain("worker");
});

const event: ShownActor["history"][number] = {
  ...{ revision: 0, kind: "created", type: "xstate.init", outcome: "applied", state: "open" },
  ...{ at: ago(hour), event: {}, status: "active", version: "1.0.0", reason: null },
};
const actor: ShownActor = {
  ...standing,
  ...{ revision: 1, tags: ["busy"], started: ago(hour), reason: null },
  values: { context: { json: {}, text: "{\n  a: 1,\nforged\u001b\n}" }, output: null },
  history: [
    event,
    {
      ...event,
      ...{ revision: 1, kind: "caller", type: "PAY\n", outcome: "rejected" },
      reason: { code: "event-rejected", message: "no\nmoney" },
    },
  ],
};

test("an actor shows its values, indented, and its last transitions", () => {
  expect(renderActor(actor)).toEqual([
    "o-17  order 1.0.0  charging  since 2026-01-31 05:00:00 UTC (1 h ago)",
    "  revision 1, started 2026-01-31 05:00:00 UTC (1 h ago)",
    "  tags    busy",
    "  context",
    "    {",
    "      a: 1,",
    "    forged\\u001b",
    "    }",
    "  worker  h1, process 7",
    "  last 2 transitions",
    "    0  2026-01-31 05:00:00 UTC  created  xstate.init  applied   → open",
    "    1  2026-01-31 05:00:00 UTC  caller   PAY\\u000a    rejected  → open  event-rejected: no\\u000amoney",
  ]);
  const output = { json: 3, text: "3" };
  const ended: ShownActor = {
    ...{ ...actor, status: "error", tags: [], values: { context: null, output } },
    reason: { code: "event-rejected", message: "broken" },
  };
  expect(renderActor(ended).slice(0, 4)).toEqual([
    "o-17  order 1.0.0  charging, error  since 2026-01-31 05:00:00 UTC (1 h ago)",
    "  revision 1, started 2026-01-31 05:00:00 UTC (1 h ago)",
    "  reason  event-rejected: broken",
    "  output  3",
  ]);
});

const sent: SentByHand = {
  ...{ outcome: "applied", state: "paid", status: "active", revision: 4, notices: [] },
  receiver: { ...standing, migratesTo: null },
};

test.each<[Partial<SentByHand>, string]>([
  [{}, "applied: o-17 is in paid, revision 4"],
  [{ status: "done" }, "applied: o-17 is in paid, done, revision 4"],
  [
    { outcome: "duplicate" },
    "duplicate: o-17 has taken an event with this key before, and is in paid, revision 4",
  ],
  [{ outcome: "ignored" }, "ignored: o-17 is in paid, revision 4: no transition of paid takes it"],
  [
    { outcome: "ignored", status: "stopped" },
    "ignored: o-17 is in paid, stopped, revision 4: it has ended",
  ],
  [
    { outcome: "rejected", reason: { code: "event-rejected", message: "a\u001b" } },
    "rejected: o-17 stays in paid, revision 4: event-rejected: a\\u001b",
  ],
])("the answer to an event: %j", (part, line) => {
  expect(renderSent({ ...sent, ...part })).toBe(line);
});

test("an event is an object with a type, in JSON", () => {
  expect(parseEvent('{"type":"PAY","cents":3}')).toEqual({ type: "PAY", cents: 3 });
  for (const text of ["", "{type:PAY}", "PAY", '{"type":"PAY"} x']) {
    expect(() => parseEvent(text)).toThrow(/as JSON, got: .*in single quotes/);
  }
  for (const text of ["null", "3", '"PAY"', "[]", "{}", '{"type":3}', '{"type":""}']) {
    expect(() => parseEvent(text)).toThrow(/an object with a `type`, got .*in single quotes/);
  }
});

test("--waiting-since is a span with a unit, or a moment with its time zone", () => {
  expect(parseSince("2h")).toEqual({ waitingFor: 2 * hour });
  expect(parseSince("1.5m")).toEqual({ waitingFor: 90_000 });
  const waitingSince = new Date(Date.UTC(2026, 0, 31, 5));
  for (const text of ["2026-01-31T05:00:00Z", "2026-01-31T06:00+01:00"]) {
    expect(parseSince(text)).toEqual({ waitingSince });
  }
  for (const text of ["", "2026", "0s", "-1h", "2026-01-31", "2026-01-31T05:00:00", "yesterday"]) {
    expect(() => parseSince(text)).toThrow("--waiting-since");
  }
  expect(() => parseSince("2026-13-01T00:00:00Z")).toThrow("--waiting-since");
});
