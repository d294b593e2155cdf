// Aim: what people read, to the letter, and the exit codes that scripts rely on.
import { expect, test } from "vitest";
import { exitCodeOf, exitCodeOfState } from "../../src/cli/exit-codes.ts";
import { duration, renderChange, renderHistory, renderStatus } from "../../src/cli/render.ts";
import type { FleetStatus } from "../../src/index.ts";

const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const status: FleetStatus = {
  now: at + 65_000,
  versions: {
    agentVersion: "1.1.0",
    databaseVersion: "1.0.0>1.1.0#u000002",
    upgrade: "u000002",
    generation: 2,
  },
  master: { agent: "a2", epoch: 4, live: true },
  upgrade: {
    upgrade: "u000002",
    from: "1.0.0",
    to: "1.1.0",
    restoreOf: null,
    state: "migrating",
    since: at,
    waitingFor: ["master"],
    until: at + 125_000,
    next: "the local steps of every agent",
    howToStop: "lockstep abort",
    reason: null,
    batches: 12,
    restoring: null,
    foreignWrites: "only detected",
    rehearsedMs: 95_000,
    rehearsed: [{ step: "titles", durationMs: 95_000, documents: 7, batches: 1 }],
    growthBytes: 12_345_678,
    final: false,
  },
  agents: [
    {
      agent: "a1",
      version: "1.1.0",
      incarnation: 3,
      gate: "shut",
      silent: true,
      owes: "u000001",
      blocked: "a full disk",
      host: "h",
      pid: 1,
    },
  ],
};

test("the status says which state since when, who drives, waiting for whom until when, how to stop", () => {
  expect(renderStatus(status)).toBe(
    [
      "agent version 1.1.0, database version 1.0.0>1.1.0#u000002",
      "master a2 in epoch 4",
      "upgrade u000002  1.0.0 → 1.1.0",
      "  state        migrating, since 1 min 5 s (2026-01-02 03:04:05 UTC)",
      "  progress     12 batches committed",
      "  rehearsed in 1 min 35 s, 12.3 MB more, about 30.0 s to go",
      "    titles  1 min 35 s, 7 documents changed",
      "  foreign writes are only detected",
      "  waits for    master",
      "  until        2026-01-02 03:06:10 UTC (in 1 min 0 s)",
      "  stop it with lockstep abort",
      "  next         the local steps of every agent",
      "agents",
      "  a1  1.1.0  gate shut, incarnation 3, silent, owes an undo of u000001, blocked: a full disk",
    ].join("\n"),
  );
  expect(renderChange(status)).toBe(
    "u000002 1.0.0 → 1.1.0: migrating (a2, epoch 4), waits for master",
  );
  const none = { ...status, master: null, upgrade: null, agents: [] };
  expect(renderStatus(none)).toBe(
    "agent version 1.1.0, database version 1.0.0>1.1.0#u000002\nno master yet\nno upgrade yet\nagents",
  );
});

test("the history", () => {
  expect(renderHistory([])).toBe("no upgrade yet");
  const item = {
    upgrade: "u000002",
    from: "1.0.0",
    to: "1.1.0",
    restoreOf: null,
    state: "rolled-back",
    startedAt: at,
    endedAt: at + 3_000,
    epochs: [1, 2],
    reason: { code: "timeout", message: "too late", details: { agent: "a3" } },
    states: [
      { state: "waiting", at, epoch: 1 },
      { state: "rolled-back", at: at + 3_000, epoch: 2 },
    ],
  };
  const restore = { ...item, restoreOf: "u000001", states: [], reason: null };
  expect(renderHistory([restore])).toContain(
    "restore u000002 of backup u000001  1.0.0 → 1.1.0  rolled-back",
  );
  expect(renderHistory([item])).toBe(
    [
      "u000002  1.0.0 → 1.1.0  rolled-back  2026-01-02 03:04:05 UTC, took 3.0 s, epochs 1, 2",
      "  waiting +0.0 s → rolled-back +3.0 s",
      "  timeout: too late",
      '  {"agent":"a3"}',
      "  see docs/errors.md#timeout",
    ].join("\n"),
  );
});

test("durations", () => {
  expect([0, 59_949, 60_000, 250_400].map(duration)).toEqual([
    "0.0 s",
    "59.9 s",
    "1 min 0 s",
    "4 min 10 s",
  ]);
});

test("exit codes", () => {
  expect(["done", "rolled-back", "blocked", "migrating"].map(exitCodeOfState)).toEqual([
    0,
    6,
    7,
    undefined,
  ]);
  const codes = [
    "bad-argument",
    "version-not-semver",
    "database-unreachable",
    "not-a-replica-set",
    "no-majority",
    "timeout",
    "peers-missing",
  ] as const;
  expect(codes.map(exitCodeOf)).toEqual([2, 2, 4, 4, 4, 5, 1]);
});

test("how far a restore is, in the status and in each line of a wait", () => {
  if (!status.upgrade) throw new Error("expected an upgrade");
  const restoring = { doneBytes: 4_000_000, totalBytes: 10_000_000, etaMs: 61_000 };
  const back = { ...status, upgrade: { ...status.upgrade, state: "rolling-back", restoring } };
  const words = "4.0 MB of 10.0 MB loaded, about 1 min 1 s to go";
  expect(renderStatus(back)).toContain(`\n  restoring    ${words}\n`);
  expect(renderChange(back)).toMatch(new RegExp(`, waits for master, ${words}$`));
});
