// Aim: what each event does to a participant in each state: where it leads, what it notes, what it
// asks for. Method: a table over the pure machine, to the letter.
import { describe, expect, test } from "vitest";
import { participantMachine } from "../../machines/participant.ts";
import type { AgentEvent } from "../../machines/participant-context.ts";
import { play } from "./play.ts";

const input = { agent: "a1", role: "state-server", upgradeId: "u1", from: "1.0.0", to: "1.1.0" };
const { from, to } = input;
const reason = { code: "step-failed", message: "it failed", details: {} };
const backup = { time: "1:1", foreignWrites: "prevented", digest: "d", catalogue: "c" } as const;
const plan = { hash: "h", schemaSteps: 1, protocol: 1 };

const started = (version: string, more: { cannotStart?: typeof reason } = {}): AgentEvent => ({
  ...{ type: "started", version, incarnation: 2, ...plan, cannotStart: null },
  ...more,
});
const gateShut: AgentEvent = { type: "gateShut" };
const committed: AgentEvent = { type: "committed" };
const turnBack: AgentEvent = { type: "turnBackAsked" };
const undone: AgentEvent = { type: "undone" };
const retry: AgentEvent = { type: "retryRequested" };
const effectFailed: AgentEvent = { type: "effectFailed", effect: "any", reason };
const copyAsked: AgentEvent = { type: "copyAsked", backup };
const localStepsAsked: AgentEvent = { type: "localStepsAsked" };
const localStepsDone: AgentEvent = { type: "localStepsDone" };
const readinessPassed: AgentEvent = { type: "readinessPassed" };
const localStepFailed: AgentEvent = { type: "localStepFailed", reason };
const undoFailed: AgentEvent = { type: "undoFailed", reason };

const ready = [started(to), gateShut];
const copying = [...ready, copyAsked];
const migrating = [...ready, localStepsAsked];
const checking = [...migrating, localStepsDone];
const voted = [...checking, readinessPassed];
const back = [...ready, turnBack];
const superseded: AgentEvent = { type: "superseded" };
const stuckLate = [...migrating, committed, localStepFailed];
const withdrawing = [...stuckLate, superseded];

const shutGate = { name: "shutGate", params: { agent: "a1" } };
const change = (version: string) => ({ name: "changeVersion", params: { version } });
const keep = (version: string) => ({ name: "keepVersion", params: { upgradeId: "u1", version } });
const dump = { name: "dumpCopy", params: { upgradeId: "u1", from, backup } };
const run = { name: "runLocalSteps", params: { upgradeId: "u1", from, to } };
const undo = { name: "undoLocalSteps", params: { upgradeId: "u1", from, to } };
const check = { name: "checkReadiness", params: { upgradeId: "u1", from, to } };
const cancel = { name: "cancelEffects", params: {} };
const wayBack = [cancel, shutGate, undo];

test("at first it shuts its gate, and knows nothing", () => {
  expect(play(participantMachine, input, [])).toMatchObject({
    state: "waiting",
    asked: [shutGate],
    context: {
      ...input,
      ...{ running: null, incarnation: 0, plan: null, gateShut: false, leaving: false },
      ...{
        late: false,
        turnedBack: false,
        superseded: false,
        backup: null,
        copy: null,
        undone: false,
        reason: null,
      },
    },
  });
});

type Row = [
  name: string,
  before: readonly AgentEvent[],
  event: AgentEvent,
  state: string,
  changed: object,
  asked?: readonly object[],
];

const forward: readonly Row[] = [
  [
    "a process on the old version, its gate not shut",
    [],
    started(from),
    "waiting",
    { running: from, incarnation: 2, plan },
  ],
  [
    "with its gate shut it changes to the new version",
    [started(from)],
    gateShut,
    "waiting",
    { gateShut: true, leaving: true },
    [change(to)],
  ],
  ["it changes once", [started(from), gateShut], gateShut, "waiting", {}],
  ["a gate shut before any process reported", [], gateShut, "waiting", { gateShut: true }],
  [
    "on the new version it waits",
    [started(from), gateShut],
    started(to),
    "waiting",
    { running: to, leaving: false },
  ],
  [
    "a version that cannot be started is a reason, and no change is asked again",
    [started(from), gateShut],
    started(from, { cannotStart: reason }),
    "waiting",
    { leaving: false, reason },
  ],
  ["a reason stays until a retry", [...ready, effectFailed], started(to), "waiting", {}],
  ["an effect that failed", ready, effectFailed, "waiting", { reason }],
  ["a copy", ready, copyAsked, "backing-up", { backup }, [dump]],
  [
    "a copy of another time",
    copying,
    { type: "copyAsked", backup: { ...backup, time: "2:1" } },
    "backing-up",
    { backup: { ...backup, time: "2:1" } },
    [cancel, { ...dump, params: { ...dump.params, backup: { ...backup, time: "2:1" } } }],
  ],
  [
    "a copy made is no copy of another time",
    [...copying, { type: "copyMade", digest: "d" }],
    copyAsked,
    "backing-up",
    { copy: null },
    [cancel, dump],
  ],
  [
    "a copy made",
    copying,
    { type: "copyMade", digest: "d" },
    "backing-up",
    { copy: { digest: "d", reason: null } },
  ],
  [
    "a copy that failed",
    copying,
    { type: "copyFailed", reason },
    "backing-up",
    { copy: { digest: null, reason } },
  ],
  [
    "a copy whose effect failed",
    copying,
    effectFailed,
    "backing-up",
    { copy: { digest: null, reason } },
  ],
  ["local steps", ready, localStepsAsked, "migrating", {}, [run]],
  ["local steps after a copy", copying, localStepsAsked, "migrating", {}, [run]],
  ["local steps done", migrating, localStepsDone, "checking-readiness", {}, [check]],
  ["ready: a vote", checking, readinessPassed, "awaiting-peers", {}],
  ["not ready", checking, { type: "readinessFailed", reason }, "checking-readiness", { reason }],
  [
    "committed without it while it checks",
    checking,
    committed,
    "done",
    { late: true },
    [cancel, keep(to)],
  ],
  ["a local step failed", migrating, localStepFailed, "migrating", { reason }],
  ["local steps whose effect failed", migrating, effectFailed, "migrating", { reason }],
  ["committed", voted, committed, "done", {}, [keep(to)]],
  ["a new process while it waits for its peers", voted, started(to), "awaiting-peers", {}],
];

const late: readonly Row[] = [
  ["committed while ready", ready, committed, "migrating", { late: true }, [run]],
  ["committed while its gate is open", [started(to)], committed, "waiting", { late: true }],
  [
    "committed on the old version: it changes first",
    [started(from), gateShut],
    committed,
    "waiting",
    { late: true },
  ],
  [
    "late, then on the new version",
    [started(from), gateShut, committed],
    started(to),
    "migrating",
    { running: to, leaving: false },
    [run],
  ],
  [
    "late, and the new version cannot be started",
    [started(from), gateShut, committed],
    started(from, { cannotStart: reason }),
    "blocked",
    { leaving: false, reason },
  ],
  ["late after a copy", copying, committed, "migrating", { late: true }, [shutGate, run]],
  ["late in its steps", migrating, committed, "migrating", { late: true }],
  ["late steps done", [...migrating, committed], localStepsDone, "done", {}, [keep(to)]],
  [
    "late steps failed",
    [...migrating, committed],
    localStepFailed,
    "blocked",
    { reason },
    [cancel],
  ],
  [
    "steps failed, then late",
    [...migrating, localStepFailed],
    committed,
    "blocked",
    { late: true },
    [cancel],
  ],
  [
    "an effect had failed: late it is blocked",
    [...ready, effectFailed],
    committed,
    "blocked",
    { late: true },
  ],
  ["who is late is not asked for a copy", [started(to), committed], copyAsked, "waiting", {}],
  ["nor for local steps", [started(to), committed], localStepsAsked, "waiting", {}],
  ["nor turned back", [started(to), committed], turnBack, "waiting", {}],
  ["nor turned back in its steps", [...migrating, committed], turnBack, "migrating", {}],
  [
    "a retry of who is late starts again from waiting",
    [...migrating, committed, localStepFailed],
    retry,
    "migrating",
    { reason: null },
    [shutGate, run],
  ],
  [
    "stuck late, and a later upgrade is committed: its steps are undone",
    stuckLate,
    superseded,
    "withdrawing",
    { superseded: true, reason: null },
    [cancel, undo],
  ],
  ["withdrawn: it is at its end", withdrawing, undone, "superseded", { undone: true }],
  ["its undo failed", withdrawing, undoFailed, "blocked", { reason }],
  ["its undo cannot be done", withdrawing, effectFailed, "blocked", { reason }],
  [
    "a retry of who is superseded is the same undo",
    [...withdrawing, undoFailed],
    retry,
    "withdrawing",
    { reason: null },
    [cancel, undo],
  ],
  ["superseded once", [...withdrawing, undoFailed], superseded, "blocked", {}],
  ["who is turned back is not superseded", [...back, undoFailed], superseded, "blocked", {}],
  ["nor who is not stuck", [...migrating, committed], superseded, "migrating", {}],
];

const backwards: readonly Row[] = [
  ["from waiting", ready, turnBack, "rolling-back", { turnedBack: true }, wayBack],
  [
    "from waiting while it leaves",
    [started(from), gateShut],
    turnBack,
    "rolling-back",
    { turnedBack: true, leaving: false },
    wayBack,
  ],
  ["from a copy", copying, turnBack, "rolling-back", { turnedBack: true }, wayBack],
  ["from its steps", migrating, turnBack, "rolling-back", { turnedBack: true }, wayBack],
  ["after its vote", voted, turnBack, "rolling-back", { turnedBack: true }, wayBack],
  ["a gate that shuts", [started(to), turnBack], gateShut, "rolling-back", { gateShut: true }],
  [
    "undone on the new version: it changes to the old",
    back,
    undone,
    "rolling-back",
    { undone: true, leaving: true },
    [change(from)],
  ],
  ["undone before any process reported", [turnBack], undone, "rolling-back", { undone: true }],
  ["it changes once", [...back, undone], undone, "rolling-back", {}],
  [
    "back on the old version",
    [...back, undone],
    started(from),
    "rolled-back",
    { running: from, leaving: false },
    [keep(from)],
  ],
  ["on the old version, not undone yet", back, started(from), "rolling-back", { running: from }],
  [
    "undone on the old version",
    [...back, started(from)],
    undone,
    "rolled-back",
    { undone: true },
    [keep(from)],
  ],
  [
    "the old version cannot be started",
    [...back, undone],
    started(to, { cannotStart: reason }),
    "blocked",
    { leaving: false, reason },
  ],
  [
    "what cannot be started on the old version is the new one",
    back,
    started(from, { cannotStart: reason }),
    "rolling-back",
    { running: from, reason },
  ],
  ["a new process that still runs the new version", back, started(to), "rolling-back", {}],
  ["an undo that failed", back, undoFailed, "blocked", { reason }],
  ["an undo whose effect failed", back, effectFailed, "blocked", { reason }],
  [
    "a retry goes back again",
    [...back, undoFailed],
    retry,
    "rolling-back",
    { reason: null },
    wayBack,
  ],
  [
    "a retry asks for the old version again",
    [...back, undone, started(to, { cannotStart: reason })],
    retry,
    "rolling-back",
    { leaving: true, reason: null },
    [...wayBack, change(from)],
  ],
  [
    "a new process while blocked",
    [...back, undoFailed],
    started(from),
    "blocked",
    { running: from },
  ],
];

describe.each<[string, readonly Row[]]>([
  ["forward", forward],
  ["late", late],
  ["back", backwards],
])("%s", (_direction, rows) => {
  test.each(rows)("%s", (_name, before, event, state, changed, asked = []) => {
    const played = play(participantMachine, input, [...before, event]);
    expect([played.state, played.changed, played.asked]).toEqual([state, changed, asked]);
  });
});
