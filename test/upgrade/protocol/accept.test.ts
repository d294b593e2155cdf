// Aim: what may not be accepted is refused with its code, before anything is written.
import { expect, test } from "vitest";
import type { AgentRecord } from "../../../src/control/agents.ts";
import { limits } from "../../../src/limits.ts";
import {
  deadlinesDefault,
  decideAcceptance,
  isOpenPart,
} from "../../../src/upgrade/protocol/accept.ts";
import { from, record, to } from "./facts.ts";

const nowMs = 1_000_000;
const present = (agent: string, more: Partial<AgentRecord> = {}) =>
  record(agent, { lastSeenAt: nowMs, ...more });
const rest = { agentVersion: from, databaseVersion: from, upgradeId: null, generation: 7 };
const decide = (more: Partial<Parameters<typeof decideAcceptance>[0]>) =>
  decideAcceptance({
    versions: rest,
    agents: [present("a1"), present("a2")],
    wanted: { to, restoreOf: null },
    ...{ deadlines: {}, between: [], openParts: [] },
    nowMs,
    ...more,
  });
const plain = (version: string) => ({ to: version, restoreOf: null });
const refuses = (more: Partial<Parameters<typeof decide>[0]>, code: string, words: string) =>
  expect(() => decide(more)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(words) }),
  );

test("accepted: the next generation, the state servers, the deadlines with those named", () => {
  const machine = present("m1", { role: "machine", lastSeenAt: 0 });
  const input = decide({
    agents: [present("a1"), present("a2"), machine],
    deadlines: { peersMs: 5 },
  });
  expect(input).toEqual({
    upgradeId: "u000008",
    from,
    to,
    required: [
      { agent: "a1", role: "state-server" },
      { agent: "a2", role: "state-server" },
    ],
    deadlines: { ...deadlinesDefault, peersMs: 5 },
    restoreOf: null,
    acceptedAt: nowMs,
  });
});

test("a target that is no version, equal, or lower", () => {
  refuses({ wanted: plain("next") }, "version-not-semver", "next");
  refuses({ wanted: plain(from) }, "version-not-higher", "the fleet runs it already");
});

test("a state server that has local work left for an earlier upgrade; a machine agent keeps nobody waiting", () => {
  const openParts = [{ agent: "a2", upgradeId: "u000003", state: "migrating" }];
  refuses({ openParts }, "peers-missing", "a2 (migrating in u000003)");
  expect(decide({ openParts: [{ agent: "m1", upgradeId: "u000003", state: "blocked" }] }).to).toBe(
    to,
  );
  const open = ["waiting", "migrating", "withdrawing", "blocked"];
  expect([...open, "awaiting-peers"].filter((state) => isOpenPart(state, false))).toEqual(open);
  expect(isOpenPart("done", true)).toBe(false);
});

test("a lower version, where nothing lies between that it could not undo", () => {
  const agents = [present("a1", { startable: ["0.9.0", from] })];
  const lower = { wanted: plain("0.9.0"), agents };
  expect(decide(lower)).toMatchObject({ from, to: "0.9.0" });
  const between = Array.from({ length: 12 }, (_, index) => `the step "s${index}" of 1.0.0`);
  refuses({ ...lower, between }, "version-not-higher", 'between: the step "s0" of 1.0.0, ');
  refuses({ ...lower, between }, "version-not-higher", '"s9" of 1.0.0 and 2 more: going back');
});

test("who has not looked at its own files yet may not be able to take part", () => {
  const young = present("a2", { starting: true });
  refuses(
    { agents: [present("a1"), young] },
    "peers-missing",
    "only just started, or still run the local steps of their hosts: a2",
  );
  expect(decide({ agents: [present("a1"), present("a2", { starting: false })] })).toBeDefined();
  // Its gate has opened while a heartbeat of earlier was on its way.
  const late = present("a2", { starting: true, gate: "open" });
  expect(decide({ agents: [present("a1"), late] })).toBeDefined();
  const machine = present("m1", { role: "machine", starting: true });
  expect(decide({ agents: [present("a1"), machine] })).toBeDefined();
});

test("who is stuck in an earlier upgrade is mended first", () => {
  const stuck = present("a2", { blocked: "its disk is full" });
  refuses({ agents: [present("a1"), stuck] }, "peers-missing", "a2: its disk is full");
});

test("each refusal has what a machine needs to know", () => {
  const details = (more: Partial<Parameters<typeof decide>[0]>) => {
    try {
      decide(more);
      return null;
    } catch (error) {
      return (error as { details: unknown }).details;
    }
  };
  expect(details({ versions: { ...rest, upgradeId: "u000007" } })).toEqual({
    upgradeId: "u000007",
  });
  expect(details({ wanted: plain("0.9.0"), between: ["s"] })).toEqual({
    ...{ from, to: "0.9.0", between: ["s"] },
  });
  const debt = present("a2", { owes: "u000006" });
  expect(details({ agents: [present("a1"), debt] })).toEqual({ missing: ["a2"] });
  const unable = present("a2", { startable: [from] });
  expect(details({ agents: [present("a1"), unable] })).toEqual({
    unable: [{ agent: "a2", startable: [from] }],
  });
  const restoreOf = { backupId: "b", digest: "d" };
  expect(details({ wanted: { to: from, restoreOf } })).toEqual({ backupId: "b" });
  const first = present("a1", { version: "0.9.0" });
  refuses(
    { agents: [first, debt] },
    "peers-missing",
    "2 state servers present on 1.0.0, missing: a1, a2:",
  );
});

test("an agent without a launcher is named as such, with what to do", () => {
  const [old, alone] = [present("a1", { startable: [from] }), present("a2", { startable: [] })];
  const toDo = "start it under `lockstep-launcher`";
  refuses({ agents: [alone] }, "cannot-start", `a2 (it runs without a launcher): stop each`);
  refuses({ agents: [alone] }, "cannot-start", toDo);
  refuses(
    { agents: [old, alone] },
    "cannot-start",
    "install it there and list it in the launcher's",
  );
  refuses({ agents: [old, alone] }, "cannot-start", toDo);
  expect(() => decide({ agents: [alone] })).not.toThrow("versions file, then");
});

test("the deadlines of who names none", () => {
  expect(deadlinesDefault).toEqual({
    waitingMs: limits.waitingDeadlineMs,
    backingUpMs: limits.backingUpDeadlineMs,
    noProgressMs: limits.noProgressDeadlineMs,
    pausedMs: limits.pausedDeadlineMs,
    peersMs: limits.peersDeadlineMs,
    silentMs: limits.silentDeadlineMs,
    rollingBackMs: limits.rollingBackDeadlineMs,
  });
});

test("a machine that is silent, or cannot start the version, keeps nobody", () => {
  const machine = present("m1", { role: "machine", lastSeenAt: 0, startable: [] });
  expect(decide({ agents: [present("a1"), machine] }).required).toHaveLength(1);
});

test("seen for as long as is allowed is seen", () => {
  const just = record("a2", { lastSeenAt: nowMs - limits.heartbeatStaleMs });
  expect(decide({ agents: [present("a1"), just] }).required).toHaveLength(2);
});

test("a second upgrade", () => {
  refuses({ versions: { ...rest, upgradeId: "u000007" } }, "upgrade-active", "abort");
});

test("a state server that is silent, on another version, in debt; none at all", () => {
  const stale = nowMs - limits.heartbeatStaleMs - 1;
  refuses({ agents: [present("a1"), record("a2", { lastSeenAt: stale })] }, "peers-missing", "a2");
  refuses({ agents: [present("a1", { version: "0.9.0" })] }, "peers-missing", "a1");
  refuses({ agents: [present("a1", { owes: "u000006" })] }, "peers-missing", "a1");
  refuses({ agents: [] }, "peers-missing", "all");
});

test("a version that is not installed everywhere", () => {
  refuses(
    { agents: [present("a1"), present("a2", { startable: [from] })] },
    "cannot-start",
    "these cannot: a2 (it can start 1.0.0)",
  );
});

test("a restore: to any version, of a backup that somebody holds, where all can start its version", () => {
  const restoreOf = { backupId: "u000003", digest: "d" };
  const agents = [present("a1"), present("a2", { backups: ["u000003"] })];
  const input = decide({ agents, wanted: { to: from, restoreOf } });
  expect(input).toMatchObject({ from, to: from, restoreOf: { ...restoreOf, holders: ["a2"] } });
  refuses({ wanted: { to: from, restoreOf } }, "backup-mismatch", "u000003");
  refuses(
    { agents, wanted: { to: "0.9.0", restoreOf } },
    "cannot-start",
    "a1 (it can start 1.0.0, 1.1.0), a2 (",
  );
  const active = { ...rest, upgradeId: "u000007" };
  const installed = present("a1", { startable: [], backups: ["u000003"] });
  expect(decide({ agents: [installed], wanted: { to: from, restoreOf } }).to).toBe(from);
  refuses({ agents, versions: active, wanted: { to: from, restoreOf } }, "upgrade-active", "abort");
});
