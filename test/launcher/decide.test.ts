// Aim: a launcher neither gives up too early nor starts a broken build for ever. Method: the pure
// decision, by example and by random histories.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  afterKeeping,
  decide,
  type LauncherEvent,
  type LauncherState,
} from "../../src/launcher/decide.ts";
import { limits } from "../../src/limits.ts";

const state: LauncherState = {
  version: "1.1.0",
  previous: "1.0.0",
  failures: 0,
  awayEnds: 0,
  ready: false,
  ...{ cannotStart: null, safeMode: null },
};
const how = { isSettled: true, hasServed: true, isOpening: false, isAway: false };
const ended = (code: number | null, wanted = "1.1.0", signal: string | null = null) =>
  ({ type: "ended", code, signal, wanted, ...how }) as const;
const crash: LauncherEvent = ended(9);
const soon: LauncherEvent = { ...ended(9), isSettled: false };
const away: LauncherEvent = { ...ended(1), isSettled: false, isAway: true };
const running = { ...state, ready: true };
const start = (delayMs: number) => ({ kind: "start", delayMs });
const fallback = (why: string) => ({
  ...{ version: "1.0.0", previous: "1.0.0", failures: 0, awayEnds: 0, ready: false },
  cannotStart: {
    code: "cannot-start",
    message: `1.1.0 does not come up on this host: ${why}`,
    details: { version: "1.1.0" },
  },
  safeMode: null,
});
const alone = { ...state, previous: "1.1.0" };
const safeMode = {
  code: "cannot-start",
  message: "1.1.0 ends soon after it has come up, 3 times in a row: it ended with code 9",
  details: { version: "1.1.0" },
};
const safe = { ...alone, safeMode };

test.each<[string, LauncherState, LauncherEvent, LauncherState, object]>([
  [
    "ready",
    { ...state, failures: 2 },
    { type: "ready" },
    { ...running, failures: 2 },
    { kind: "go-on" },
  ],
  [
    "a crash after it has settled",
    { ...running, failures: 2, awayEnds: 7 },
    ended(9),
    state,
    start(300),
  ],
  [
    "a crash of one that has settled: it has told what it was started instead of",
    { ...running, cannotStart: fallback("x").cannotStart },
    ended(9),
    state,
    start(300),
  ],
  [
    "handed over to a build that can read what this one cannot: it is told why, and nothing is left to fall back to",
    running,
    { ...ended(75, "1.0.0"), because: fallback("x").cannotStart },
    { ...fallback("x") },
    start(0),
  ],
  [
    "one that did not drain: the version wanted is started",
    { ...running, failures: 1 },
    { ...ended(71, "1.2.0"), isSettled: false },
    { ...state, version: "1.2.0", previous: "1.1.0" },
    start(0),
  ],
  [
    "one that did not drain, and is wanted still: that is no failure",
    { ...running, failures: 2 },
    { ...ended(71), isSettled: false },
    { ...state, failures: 2 },
    start(300),
  ],
  ["a crash right after ready", running, soon, { ...state, failures: 1 }, start(300)],
  [
    "the last right after ready",
    { ...running, failures: 2 },
    soon,
    fallback("it ended with code 9"),
    start(0),
  ],
  [
    "no database: that is not its fault",
    { ...state, failures: 2 },
    away,
    { ...state, failures: 2, awayEnds: 1 },
    start(1_000),
  ],
  [
    "no database for so long that it may never have one",
    { ...state, failures: 2, awayEnds: limits.launcherAwayEndsMax },
    away,
    fallback("it ended with code 1"),
    start(0),
  ],
  [
    "the version wanted is started, the old one remembered, nothing of it kept",
    { ...running, failures: 1, cannotStart: fallback("x").cannotStart },
    ended(75, "1.2.0"),
    { ...state, version: "1.2.0", previous: "1.1.0" },
    start(0),
  ],
  ["a change to what runs is a crash", running, ended(75), state, start(300)],
  ["a crash that wants something is a crash", running, ended(1, "1.2.0"), state, start(300)],
  ["a clean end", running, ended(0), running, { kind: "exit", code: 0 }],
  ["a clean end before ready", state, ended(0), state, { kind: "exit", code: 0 }],
  ["a crash after ready", running, ended(9), state, start(300)],
  ["a crash before", state, ended(9), { ...state, failures: 1 }, start(300)],
  ["another", { ...state, failures: 1 }, ended(9), { ...state, failures: 2 }, start(600)],
  ["the last", { ...state, failures: 2 }, ended(9), fallback("it ended with code 9"), start(0)],
  [
    "the last, by a signal",
    { ...state, failures: 2 },
    ended(null, "1.1.0", "SIGKILL"),
    fallback("it ended with SIGKILL"),
    start(0),
  ],
  ["one that hangs", state, { type: "timed-out" }, fallback("it never reported ready"), start(0)],
  [
    "one that is not installed any more",
    state,
    { type: "not-installed" },
    fallback("it is not in the versions file: list it there again, then `lockstep retry`"),
    start(0),
  ],
  [
    "the last of a version that has no other to fall back to",
    { ...alone, failures: 2 },
    ended(9),
    { ...alone, failures: 3 },
    { kind: "exit", code: 1 },
  ],
  [
    "the last of such a version, which had come up: it is started in safe mode",
    { ...alone, failures: 2, ready: true },
    soon,
    safe,
    start(900),
  ],
  [
    "the last in safe mode",
    { ...safe, failures: 2, ready: true },
    soon,
    { ...safe, failures: 3, ready: true },
    { kind: "exit", code: 1 },
  ],
  [
    "another end as a person has its application begin: it leads and follows as before",
    { ...safe, failures: 2, ready: true },
    { ...soon, isOpening: true },
    safe,
    start(300),
  ],
  [
    "a crash in safe mode: it stays in it",
    { ...safe, ready: true },
    { ...ended(9), hasServed: false },
    safe,
    start(300),
  ],
  [
    "a crash of one that served, though it was in safe mode",
    { ...safe, ready: true },
    ended(9),
    alone,
    start(300),
  ],
  [
    "the version wanted is started without safe mode",
    { ...safe, ready: true },
    ended(75, "1.1.1"),
    { ...state, version: "1.1.1", previous: "1.1.0" },
    start(0),
  ],
])("%s", (_name, before, event, after, action) => {
  expect(decide(before, event)).toEqual({ state: after, action });
});

test("never more failed starts of one version in a row than the limit", () => {
  const events = fc.array(
    fc.constantFrom<LauncherEvent>(crash, soon, away, { type: "timed-out" }, { type: "ready" }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(events, (history) => {
      let now = state;
      let failed = 0;
      for (const event of history) {
        const before = now.version;
        const { state: next, action } = decide(now, event);
        const isFailure = event.type !== "ready" && !(event.type === "ended" && event.isAway);
        failed =
          before !== next.version ||
          (now.ready && event === crash) ||
          // In safe mode it is counted anew.
          (now.safeMode === null && next.safeMode !== null)
            ? 0
            : failed + (isFailure ? 1 : 0);
        expect(failed).toBeLessThanOrEqual(limits.launcherStartsMax);
        if (action.kind === "exit") return;
        now = next;
      }
    }),
  );
});

test("from a version that is kept no way leads back; from any other one it stays", () => {
  expect(afterKeeping(state, "1.1.0")).toEqual({ ...state, previous: "1.1.0" });
  expect(afterKeeping(state, "1.0.0")).toBe(state);
  expect(afterKeeping(state, undefined)).toBe(state);
});
