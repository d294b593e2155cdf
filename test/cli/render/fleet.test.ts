// Aim: what people read, to the letter, and the exit codes that scripts rely on.
import { expect, test } from "vitest";
import { exitCodeOf, exitCodeOfState, exitCodeOfTroubles } from "../../../src/cli/exit-codes.ts";
import { countFindings, renderCounts, renderFinding } from "../../../src/cli/render/finding.ts";
import { renderChange, renderHistory, renderStatus } from "../../../src/cli/render/fleet.ts";
import { assert } from "../../../src/errors.ts";
import type { FleetStatus } from "../../../src/index.ts";

const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const status: FleetStatus = {
  now: at + 65_000,
  versions: {
    agentVersion: "1.1.0",
    databaseVersion: "1.0.0>1.1.0#u000002",
    upgradeId: "u000002",
    generation: 2,
  },
  master: { agent: "a2", epoch: 4, live: true, renewedAt: null, leaseUntil: at + 69_000 },
  upgrade: {
    upgradeId: "u000002",
    from: "1.0.0",
    to: "1.1.0",
    restoreOf: null,
    state: "migrating",
    since: at,
    waitingFor: ["master"],
    pause: null,
    silent: [{ agent: "a3", until: at + 105_000 }],
    until: at + 125_000,
    next: "the local steps of every agent",
    howToStop: "lockstep abort",
    howToPause: "lockstep pause",
    reason: null,
    batches: 12,
    progress: {
      ...{ step: 2, steps: 3, stepName: "titles", operation: "applyToCollection films" },
      ...{ operationDocuments: 2_000, operationTotal: 9_000, batches: 12, batchesTotal: 30 },
      ...{ documents: 12_000, documentsTotal: 30_000, documentsPerSecond: 800 },
      etaMs: { least: 20_000, most: 61_000 },
    },
    restoring: null,
    saved: null,
    earlyWrites: [],
    copiedAgain: null,
    copies: { made: 2, of: 3, missing: [{ agent: "a1", why: "not permitted" }] },
    foreignWrites: "only detected",
    rehearsedMs: 95_000,
    rehearsed: [{ step: "titles", durationMs: 95_000, documents: 7, batches: 1 }],
    growthBytes: 12_345_678,
    downtime: { from: at - 20_000, until: null },
    notServing: [],
    unreadable: false,
    final: false,
  },
  agents: [
    {
      agent: "a1",
      role: "state-server",
      version: "1.1.0",
      incarnation: 3,
      startable: ["1.0.0", "1.1.0", "1.2.0"],
      gate: "shut",
      drainingSince: at - 2_000,
      silent: true,
      starting: false,
      lastSeenAt: at,
      owes: "u000001",
      blocked: "a full disk",
      backups: null,
      host: "h",
      pid: 1,
    },
  ],
};

test("a count of one has a noun of one, also where the total is not known yet", () => {
  const { upgrade } = status;
  const progress = upgrade?.progress;
  assert(progress, "the upgrade has a progress");
  const shownOf = (batches: number, batchesTotal: number | null) =>
    renderStatus({
      ...status,
      upgrade: {
        ...upgrade,
        progress: {
          ...progress,
          ...{ batches, batchesTotal, documents: 1, documentsTotal: null, operation: null },
        },
      },
    });
  expect(shownOf(1, null)).toContain(", 1 batch, 1 document, 800");
  expect(shownOf(1, 1)).toContain(", 1 of 1 batch, 1 document");
  expect(shownOf(1, 4)).toContain(", 1 of 4 batches, ");
});

test("the status says which state since when, who drives, waiting for whom until when, how to stop", () => {
  expect(renderStatus(status)).toBe(
    [
      "agent version 1.1.0, database version 1.0.0>1.1.0#u000002",
      "master a2 in epoch 4",
      "upgrade u000002  1.0.0 → 1.1.0",
      "  state        migrating for 1 min 5 s, since 2026-01-02 03:04:05 UTC",
      "  waiting      for a3 to be heard: start a3, or run `lockstep forget` for each that never comes back",
      '  progress     step 2 of 3 "titles", 12 of 30 batches, 12000 of 30000 documents, 800 documents a second, 20.0 s to 1 min 1 s to go',
      "  rehearsed in 1 min 35 s, 12.3 MB more",
      "    titles  1 min 35 s, 7 documents changed",
      "  copied       2 of 3 copies (a1: not permitted)",
      "  foreign writes are only detected",
      "  waits for    master",
      "  until        2026-01-02 03:06:10 UTC (in 1 min)",
      '  silent       a3: the fleet turns back in 40.0 s unless a3 is heard; "lockstep forget a3" takes a host out that never comes back, and the upgrade goes on without it',
      "  stop it with lockstep abort",
      "  pause with   lockstep pause",
      "  down         since 2026-01-02 03:03:45 UTC (1 min 25 s)",
      "  next         the local steps of every agent",
      "agents",
      "  a1  1.1.0  blocked: a full disk  gate shut, incarnation 3, can start 1.0.0, 1.2.0, draining for 1 min 7 s, silent, owes an undo of u000001",
    ].join("\n"),
  );
  expect(renderChange(status)).toBe(
    "u000002 1.0.0 → 1.1.0: migrating (a2, epoch 4), waits for master, 2 of 3 copies (a1: not permitted)",
  );
  const none = { ...status, master: null, upgrade: null, agents: [] };
  expect(renderStatus(none)).toBe(
    "agent version 1.1.0, database version 1.0.0>1.1.0#u000002\nno master yet\nno upgrade yet\nagents",
  );
});

test.each([
  [{ live: true, leaseUntil: at + 69_000 }, "a1", "master a2 in epoch 4"],
  [
    { live: true, leaseUntil: at + 69_000 },
    "a2",
    "master a2 in epoch 4, but it is silent; its lease ends in 4.0 s",
  ],
  [
    { live: false, leaseUntil: at + 64_000 },
    "a2",
    "no master: the lease of a2 (epoch 4) ran out 1.0 s ago",
  ],
  [{ live: false, leaseUntil: null }, "a1", "no master: a2 has given up the mastership of epoch 4"],
])("the master as %j, where %s is silent", (lease, silent, text) => {
  const master = { agent: "a2", epoch: 4, renewedAt: null, ...lease };
  const agents = status.agents.map((record) => ({ ...record, agent: silent }));
  expect(renderStatus({ ...status, master, agents }).split("\n")[1]).toBe(text);
  const by = lease.live ? "a2, epoch 4" : "no master";
  expect(renderChange({ ...status, master, agents })).toContain(`migrating (${by})`);
});

test("the downtime, and the agents that do not serve yet", () => {
  if (!status.upgrade) throw new Error("expected an upgrade");
  const done = { ...status.upgrade, state: "done", final: true };
  const over = { ...done, downtime: { from: at, until: at + 31_200 } };
  expect(renderStatus({ ...status, upgrade: over })).toContain(
    "  down         31.2 s, from the first gate that began to shut (2026-01-02 03:04:05 UTC) to the last required agent that served (2026-01-02 03:04:36 UTC)",
  );
  const notServing = [{ agent: "a1", why: "its gate is shut" }];
  const open = { ...done, downtime: { from: at, until: null }, notServing };
  const text = renderStatus({ ...status, upgrade: open });
  expect(text).toContain(
    "  down         since 2026-01-02 03:04:05 UTC: not every required agent has served yet",
  );
  expect(text).toContain("  not serving  a1: its gate is shut");
  expect(renderChange({ ...status, upgrade: open })).toMatch(
    /done \(a2, epoch 4\), waits for a1 to serve \(its gate is shut\), 2 of 3/,
  );
});

test("an agent without a launcher, and one whose launcher has no other version", () => {
  const agents = (startable: readonly string[]) =>
    status.agents.map((agent) => ({ ...agent, startable }));
  expect(renderStatus({ ...status, agents: agents([]) })).toContain("3, runs without a launcher,");
  const only = renderStatus({ ...status, agents: agents(["1.1.0"]) });
  expect(only).toContain("3, can start no other version,");
});

test("the copies that are made again, with the reason", () => {
  if (!status.upgrade) throw new Error("expected an upgrade");
  const upgrade = { ...status.upgrade, copiedAgain: "somebody wrote" };
  expect(renderStatus({ ...status, upgrade })).toContain("\n  copied again somebody wrote\n");
  expect(renderChange({ ...status, upgrade })).toMatch(
    /, the copies are made again \(somebody wrote\)$/,
  );
});

test("early writes, with the page that explains them", () => {
  if (!status.upgrade) throw new Error("expected an upgrade");
  const upgrade = { ...status.upgrade, earlyWrites: ['index "a" of "b" is new', "more"] };
  expect(renderStatus({ ...status, upgrade })).toContain(
    '\n  early writes index "a" of "b" is new; more: a way back keeps them, see docs/agents.md#early-writes\n',
  );
});

test("the history", () => {
  expect(renderHistory([])).toBe("no upgrade yet");
  const item = {
    upgradeId: "u000002",
    from: "1.0.0",
    to: "1.1.0",
    restoreOf: null,
    state: "rolled-back",
    startedAt: at,
    endedAt: at + 3_000,
    epochs: [1, 2],
    reason: { code: "timeout", message: "too late", details: { agent: "a3" } },
    states: [
      { state: "waiting", at, epoch: 1, lastedMs: 3_000 },
      { state: "rolled-back", at: at + 3_000, epoch: 2, lastedMs: null },
    ],
    saved: { agent: "a1", path: "/saved/u000002-41", documents: 2, deletions: 1 },
    earlyWrites: [],
    copies: { made: 3, of: 3, missing: [] },
    downtime: { from: at + 100, until: at + 4_100 },
  };
  const restore = { ...item, restoreOf: "u000001", states: [], reason: null };
  expect(renderHistory([restore])).toContain(
    "restore u000002 of backup u000001  1.0.0 → 1.1.0  rolled-back",
  );
  const lost = { ...item, copies: status.upgrade?.copies ?? null };
  expect(renderHistory([lost])).toContain("\n  2 of 3 copies (a1: not permitted)\n");
  expect(renderHistory([{ ...item, earlyWrites: ["more"] }])).toContain(
    "\n  early writes: more: a way back keeps them, see docs/agents.md#early-writes\n",
  );
  const unknown = { ...item, downtime: { from: at, until: null } };
  expect(renderHistory([unknown])).toContain(", took 3.0 s, epochs");
  expect(renderHistory([item])).toBe(
    [
      "u000002  1.0.0 → 1.1.0  rolled-back  2026-01-02 03:04:05 UTC, took 3.0 s, down 4.0 s, epochs 1, 2",
      "  waiting 3.0 s → rolled-back",
      "  2 documents of others, taken back and kept in /saved/u000002-41 on a1, 1 deletion of others taken back",
      "  timeout: too late",
      '  {"agent":"a3"}',
      "  see docs/errors.md#timeout",
    ].join("\n"),
  );
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

test("troubles that are shown together end with the code that says most", () => {
  expect(exitCodeOfTroubles([])).toBe(0);
  expect(exitCodeOfTroubles([null, "rights-missing"])).toBe(1);
  expect(exitCodeOfTroubles([null, "no-majority", "bad-argument"])).toBe(4);
});

test("a finding has its mend and its link below it, and nothing of it forges a line", () => {
  const finding = {
    ...({ name: "the disks", outcome: "trouble", figure: "a1\nok  all is well" } as const),
    ...({ code: "disk-full", mend: "make room" } as const),
  };
  expect(renderFinding(finding).split("\n")).toEqual([
    "trouble  the disks: disk-full: a1\\u000aok  all is well",
    "           mend: make room",
    "           see docs/errors.md#disk-full",
  ]);
  expect(renderFinding({ ...finding, outcome: "ok", code: null, mend: null })).not.toContain(
    "mend",
  );
  expect(renderCounts(countFindings([finding]))).toBe("0 ok, 0 warnings, 1 trouble");
});

test("how far a restore is, in the status and in each line of a wait", () => {
  if (!status.upgrade) throw new Error("expected an upgrade");
  const restoring = { doneBytes: 4_000_000, totalBytes: 10_000_000, etaMs: 61_000 };
  const back = { ...status, upgrade: { ...status.upgrade, state: "rolling-back", restoring } };
  const words = "4.0 MB of 10.0 MB loaded, about 1 min 1 s to go";
  expect(renderStatus(back)).toContain(`\n  restoring    ${words}\n`);
  expect(renderChange(back)).toMatch(new RegExp(`, waits for master, .*, ${words}$`));
});
