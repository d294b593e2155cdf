// Aim: what the coordinator's guards judge, each of their conditions by itself. Method: one context in
// which all holds, one fact changed at a time.
import { describe, expect, test } from "vitest";
import {
  anotherCopyLeft,
  anotherMomentLeft,
  copiesAgree,
  copiesImpossible,
  copyHoldersOf,
  deadlineMs,
  everyoneSettled,
  holdersOf,
  mayCommit,
  readiness,
  type UpgradeContext,
} from "../../machines/upgrade-context.ts";
import {
  backupTooLate,
  copiesDiffer,
  disagreement,
  noProgress,
  peersTooLate,
  readinessTooLate,
} from "../../machines/upgrade-reasons.ts";
import type { Role } from "../../machines/vocabulary.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { coordinator, reason } from "../upgrade/protocol/facts.ts";

const [first] = coordinator([]);
const base = contextOf<UpgradeContext>(first as NonNullable<typeof first>);
const context = (more: Partial<UpgradeContext>): UpgradeContext => ({ ...base, ...more });
const plan = (more: object = {}) => ({
  ...{ incarnation: 1, hash: "h", schemaSteps: 1, protocol: 1 },
  ...more,
});
const held = { digest: "d", reason: null };
const missing = { digest: null, reason };
const backup = { time: "1:1", foreignWrites: "prevented", digest: "d", catalogue: "c" } as const;
const restoreOf = { backupId: "b", digest: "d", holders: ["a7"] };
const required = (...names: readonly string[]) =>
  names.map((agent) => ({
    agent,
    role: (agent.startsWith("m") ? "machine" : "state-server") as Role,
  }));

describe("readiness", () => {
  const ready = { a1: plan(), a2: plan() };
  const none = { a1: plan({ schemaSteps: 0 }), a2: plan({ schemaSteps: 0 }) };
  test.each<[string, Partial<UpgradeContext>, string]>([
    ["nobody", {}, "incomplete"],
    ["nobody is required", { required: [], ready, gatesShut: true }, "incomplete"],
    ["one of two", { ready: { a1: plan() }, gatesShut: true }, "incomplete"],
    ["all, a gate open", { ready }, "incomplete"],
    ["all, gates shut", { ready, gatesShut: true }, "ready"],
    ["no schema steps", { ready: none, gatesShut: true }, "ready-without-schema-steps"],
    ["no schema steps, a restore", { ready: none, gatesShut: true, restoreOf }, "ready"],
    ["other steps", { ready: { a1: plan(), a2: plan({ hash: "x" }) } }, "differ"],
    ["another protocol", { ready: { a1: plan(), a2: plan({ protocol: 2 }) } }, "differ"],
    ["other numbers of it", { ready: { a1: plan(), a2: plan({ incarnation: 7 }) } }, "incomplete"],
    ["who is not required", { ready: { ...ready, a9: plan({ hash: "x" }) } }, "incomplete"],
  ])("%s", (_name, more, expected) => {
    expect(readiness(context(more))).toBe(expected);
  });
});

describe("copies", () => {
  const three = required("a1", "a2", "a3");
  test.each<[string, Partial<UpgradeContext>, boolean, boolean]>([
    ["none", {}, false, false],
    ["one of two", { copies: { a1: held } }, false, false],
    ["two of two", { copies: { a1: held, a2: held } }, true, false],
    ["no time T", { backup: null, copies: { a1: held, a2: held } }, false, false],
    ["two that differ", { copies: { a1: held, a2: { ...held, digest: "x" } } }, false, true],
    ["one of two missing", { copies: { a1: held, a2: missing } }, false, true],
    ["both missing", { copies: { a1: missing, a2: missing } }, false, true],
    ["two of three", { required: three, copies: { a1: held, a2: held } }, false, false],
    [
      "one of three missing",
      { required: three, copies: { a1: held, a2: missing, a3: held } },
      true,
      false,
    ],
    [
      "two of three missing",
      { required: three, copies: { a1: held, a2: missing, a3: missing } },
      false,
      true,
    ],
    ["a server alone", { required: required("a1"), copies: { a1: held } }, true, false],
    ["alone, missing", { required: required("a1"), copies: { a1: missing } }, false, true],
    ["no server", { required: required("m1"), copies: { m1: held } }, false, false],
    ["nobody at all", { required: [], copies: {} }, false, false],
    [
      "who is no state server has no copy",
      { required: required("a1", "a2", "m1"), copies: { a1: held, a2: held } },
      true,
      false,
    ],
  ])("%s", (_name, more, agree, impossible) => {
    const now = context({ backup, ...more });
    expect([copiesAgree(now), copiesImpossible(now)]).toEqual([agree, impossible]);
  });

  test("who holds one; whether another one does", () => {
    expect(copyHoldersOf({ a1: held, a2: missing, a3: held })).toEqual(["a1", "a3"]);
    const copies = { a1: held, a2: missing };
    expect(anotherCopyLeft(context({ copies }), "a1")).toBe(false);
    expect(anotherCopyLeft(context({ copies }), "a2")).toBe(true);
    expect(anotherCopyLeft(context({ copies: { a1: held, a2: held } }), "a1")).toBe(true);
    expect(holdersOf(context({ copies }))).toEqual(["a1"]);
    expect(holdersOf(context({ copies, restoreOf }))).toEqual(["a7"]);
  });

  test("three times T are chosen, no more", () => {
    const left = [0, 1, 2].map((momentsGone) => anotherMomentLeft(context({ momentsGone })));
    expect(left).toEqual([true, true, false]);
  });
});

test("the migration may go without a batch for as long as was asked, or three longest steps", () => {
  const figures = (...durations: readonly number[]) =>
    durations.map((durationMs) => ({ step: "s", durationMs, documents: 1, batches: 1 }));
  const deadlines = { ...base.deadlines, noProgressMs: 50 };
  expect(deadlineMs(context({ deadlines }), "noProgressMs")).toBe(50);
  expect(deadlineMs(context({ deadlines, rehearsed: figures(10, 16) }), "noProgressMs")).toBe(50);
  expect(deadlineMs(context({ deadlines, rehearsed: figures(20, 10) }), "noProgressMs")).toBe(60);
  expect(
    deadlineMs(context({ deadlines: { ...deadlines, noProgressMs: -5 } }), "noProgressMs"),
  ).toBe(0);
});

test.each<[Partial<UpgradeContext>, boolean]>([
  [{ verified: true, voted: ["a1", "a2"] }, true],
  [{ verified: false, voted: ["a1", "a2"] }, false],
  [{ verified: true, voted: ["a1"] }, false],
  [{ verified: true, voted: ["a1", "a9"] }, false],
  [{ verified: true, voted: [], required: [] }, false],
])("it may commit: %j", (more, expected) => {
  expect(mayCommit(context(more))).toBe(expected);
});

test.each<[Partial<UpgradeContext>, boolean]>([
  [{ restored: true, undone: ["a1", "a2"] }, true],
  [{ restored: true, undone: ["a1"], debtors: ["a2"] }, true],
  [{ restored: true, debtors: ["a1", "a2"] }, true],
  [{ restored: true, undone: ["a1"] }, false],
  [{ restored: true, debtors: ["a1"] }, false],
  [{ restored: false, undone: ["a1", "a2"] }, false],
])("everyone is settled: %j", (more, expected) => {
  expect(everyoneSettled(context(more))).toBe(expected);
});

test("copies that could not be made: by which host, and why", () => {
  const failed = (code: string) => ({
    digest: null,
    reason: { code, message: `why ${code}`, details: {} },
  });
  const reason = (copies: UpgradeContext["copies"]) => copiesDiffer(context({ copies }));
  const gone = reason({ a1: failed("moment-gone"), a2: held });
  expect(gone.code).toBe("moment-gone");
  expect(gone.message).toContain("a1: why moment-gone");
  const both = reason({ a1: failed("moment-gone"), a2: failed("disk-full") });
  expect(both.code).toBe("backup-mismatch");
  expect(both.message).toContain("a1: why moment-gone; a2: why disk-full");
  const three = { a1: held, a2: { ...held, digest: "x" }, a3: failed("moment-gone") };
  expect(reason(three)).toMatchObject({
    code: "backup-mismatch",
    message: expect.stringContaining("differ"),
  });
});

test("the reasons: what was waited for, and for whom", () => {
  const now = context({ ready: { a1: plan() }, copies: { a2: held }, voted: ["a1"] });
  const prose = expect.any(String);
  const timeout = (details: object) => ({ code: "timeout", message: prose, details });
  expect(disagreement(now)).toEqual({
    code: "steps-differ",
    message: prose,
    details: { differences: [], unheard: ["a2"] },
  });
  expect(copiesDiffer(now)).toEqual({
    code: "backup-mismatch",
    message: prose,
    details: { copies: { a2: held } },
  });
  expect(readinessTooLate(now)).toEqual(timeout({ missing: ["a2"], gatesShut: false }));
  expect(backupTooLate(now)).toEqual(timeout({ missing: ["a1"] }));
  expect(noProgress()).toEqual(timeout({}));
  expect(peersTooLate(now)).toEqual(timeout({ missing: ["a2"] }));
});
