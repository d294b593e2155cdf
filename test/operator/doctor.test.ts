// Aim: each finding of the doctor is ok, a warning or a trouble by its figures, and names a mend where it is not ok. Method:
// tables of facts; nothing is connected.
import { MongoServerError } from "mongodb";
import { describe, expect, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { controlsOf } from "../../src/mongo/database-names.ts";
import { examinationOf, examined } from "../../src/operator/doctor/finding.ts";
import {
  judgeClaims,
  judgeScratch,
  judgeStrays,
} from "../../src/operator/doctor/judge-databases.ts";
import { judgeFleet } from "../../src/operator/doctor/judge-fleet.ts";
import {
  judgeClocks,
  judgeConnection,
  judgeMembers,
  judgeServers,
  judgeWindow,
  type MemberOplog,
  type SetMember,
} from "../../src/operator/doctor/judge-members.ts";
import { judgeRights } from "../../src/operator/doctor/judge-rights.ts";
import { mendOf } from "../../src/operator/doctor/mends.ts";
import { type CheckOptions, upgradeChecks } from "../../src/upgrade/database/upgrade-checks.ts";
import {
  agentStatus,
  fleetStatus,
  statusNow as now,
  upgradeStatus,
} from "../support/fleet-status.ts";

const none = { outcome: "ok", mend: null };
const says = (mend: string) => expect.stringContaining(mend);

describe("a part of the examination", () => {
  const run = (act: () => Promise<never>) => examined({ name: "the oplog", run: act });

  test("a part that fails is trouble with its code and a mend, whatever it throws", async () => {
    const lacking = new MongoServerError({ code: 13, message: "not authorized" });
    const cases: readonly (readonly [Error, string, string])[] = [
      [new LockstepError("disk-full", "no room"), "disk-full", "replSetResizeOplog"],
      [lacking, "rights-missing", "the-user-in-the-url"],
      [new LockstepError("database-unreachable", "away"), "database-unreachable", "rs.status()"],
      [new Error("odd"), "unexpected", "replSetResizeOplog"],
    ];
    for (const [error, code, mend] of cases) {
      const found = await run(() => Promise.reject(error));
      expect(found).toEqual([
        { name: "the oplog", outcome: "trouble", figure: says(""), code, mend: says(mend) },
      ]);
    }
    const cause = { cause: new Error("connect ECONNREFUSED") };
    const away = new LockstepError("database-unreachable", "expected", {}, cause);
    for (const [error, figure] of [
      [new Error("odd"), "odd"],
      [away, "connect ECONNREFUSED"],
    ] as const) {
      expect((await run(() => Promise.reject(error)))[0]?.figure).toBe(figure);
    }
  });

  test("a check before an upgrade is ok with its figure, and a warning with its notice", async () => {
    const check = (notice: string | null) =>
      examinationOf({
        name: "the oplog",
        run: async () => ({ figure: "it holds 9 MB", warning: notice }),
      });
    expect(await examined(check(null))).toMatchObject([{ ...none, figure: "it holds 9 MB" }]);
    expect(await examined(check("it is short"))).toMatchObject([
      { outcome: "warning", figure: "it holds 9 MB; it is short", mend: says("replSetResize") },
    ]);
  });

  test("each check before an upgrade has a mend of its own", () => {
    const checks = upgradeChecks({} as CheckOptions, { bytes: 0, files: 0 }).flat();
    expect(checks.length).toBeGreaterThan(9);
    const unknown = mendOf("a part without a mend", null);
    for (const { name } of checks) expect(mendOf(name, "unexpected"), name).not.toBe(unknown);
  });
});

describe("the members", () => {
  const member = (host: string, facts: Partial<SetMember> = {}): SetMember => ({
    ...{ host, state: "SECONDARY", isHealthy: true, lagMs: 0 },
    ...facts,
  });
  const primary = member("m1", { state: "PRIMARY" });

  test.each<[string, SetMember, string | null, string, string | null]>([
    ["at rest", member("m2", { lagMs: 400 }), null, "m2 SECONDARY 0.4 s behind", null],
    ["an arbiter", member("m2", { state: "ARBITER", lagMs: null }), null, "m2 ARBITER", null],
    ["away", member("m2", { isHealthy: false }), "refused", "m2 is away", "start m2"],
    ["syncing", member("m2", { state: "STARTUP2" }), null, "m2 STARTUP2", "m2 is a secondary"],
    [
      "late",
      member("m2", { lagMs: limits.memberLagMsMax + 1 }),
      null,
      "m2 SECONDARY 1 min behind",
      "does not catch up",
    ],
    [
      "out of reach",
      member("m2"),
      "getaddrinfo ENOTFOUND m2",
      "m2 SECONDARY 0.0 s behind, and does not answer here (getaddrinfo ENOTFOUND m2)",
      "from this host to m2",
    ],
  ])("one that is %s", (_, second, error, figure, mend) => {
    const answers = [
      { host: "m1", error: null },
      { host: "m2", error },
    ];
    expect(judgeMembers([primary, second], answers)).toMatchObject({
      ...{ outcome: mend === null ? "ok" : "warning", figure: `m1 PRIMARY, ${figure}` },
      mend: mend === null ? null : says(mend),
    });
  });

  test.each<[string, readonly number[], number, string, string]>([
    ["equal", [5, 5, 5], 1, "ok", "3 clocks, at most 0.0 s apart (to within 0.0 s)"],
    ["slightly apart", [0, limits.clockJumpMs + 2], 1, "ok", "at most 1.0 s apart"],
    ["apart", [9_000, 0, 5_500], 1, "trouble", "9.0 s apart (to within 0.0 s): m1 is ahead of m2"],
    ["apart by less", [0, 1_500], 1, "warning", "1.5 s apart (to within 0.0 s): m2 is ahead of m1"],
    ["read too slowly to know", [0, 1_500], 300, "ok", "(to within 0.6 s)"],
    ["of one member", [7], 1, "ok", "one member answers, so there is nothing to compare"],
    ["unknown", [], 1, "ok", "no member answers"],
  ])("their clocks are %s", (_, offsets, withinMs, outcome, figure) => {
    const answers = offsets.map((offsetMs, index) => {
      return { host: `m${index + 1}`, clock: { offsetMs, withinMs } };
    });
    const silent = { host: "m9", clock: null };
    expect(judgeClocks([...answers, silent])).toMatchObject({
      ...{ outcome, figure: says(figure), mend: outcome === "ok" ? null : says("NTP") },
    });
  });

  const [hour, day] = [3_600_000, limits.oplogWindowMsMin];
  test.each<[string, readonly (MemberOplog | null)[], string, string | null]>([
    ["long", [{ windowMs: day, usedFraction: 1 }], "m1 1 d (100 % full)", null],
    ["short and still growing", [{ windowMs: hour, usedFraction: 0.5 }], "(50 % full)", null],
    ["short", [{ windowMs: hour, usedFraction: 0.9 }], "m1 1 h", "enlarge the oplog of m1"],
    [
      "short on one of them",
      [
        { windowMs: day, usedFraction: 1 },
        { windowMs: hour, usedFraction: 1 },
      ],
      "m1 1 d (100 % full), m2 1 h (100 % full)",
      "enlarge the oplog of m2",
    ],
    ["perhaps short", [{ windowMs: hour, usedFraction: null }], "m1 1 h;", "collStats"],
    ["unknown", [null], "no member tells it", "the-user-in-the-url"],
  ])("the window of the oplog is %s", (_, oplogs, figure, mend) => {
    const answers = oplogs.map((oplog, index) => ({ host: `m${index + 1}`, oplog }));
    expect(judgeWindow(answers)).toMatchObject({
      ...{ outcome: mend === null ? "ok" : "warning", figure: says(figure) },
      mend: mend === null ? null : says(mend),
    });
  });

  test("the connection leads to the primary, or by its URL to another member alone", () => {
    const found = judgeConnection("m1", true, 3);
    expect(found).toMatchObject({ ...none, figure: "m1, the primary, answers in 3 ms" });
    expect(judgeConnection("m1", false, 3)).toMatchObject({
      ...{ outcome: "trouble", mend: says("without directConnection") },
    });
  });

  test("no primary: the servers of the URL, each with its answer", () => {
    const servers = [
      { host: "m1", error: "connection refused", isPrimary: false },
      { host: "m2", error: null, isPrimary: false },
    ];
    expect(judgeServers(servers)).toMatchObject({
      outcome: "trouble",
      figure: "m1 does not answer (connection refused), m2 answers, and is no primary",
      mend: says("start m1"),
    });
    expect(judgeServers(servers.slice(1)).mend).not.toContain("start");
  });
});

test("the rights of the user", () => {
  expect(judgeRights({ missing: "", optional: "" })).toMatchObject(none);
  expect(judgeRights({ missing: "", optional: "killop" })).toMatchObject({
    ...{ outcome: "warning", figure: says("killop"), mend: says("more-rights") },
  });
  expect(judgeRights({ missing: "find", optional: "killop" })).toMatchObject({
    ...{ outcome: "trouble", code: "rights-missing", figure: "it lacks find" },
  });
});

describe("databases of Lockstep", () => {
  const pool = ["lockstep_shop_scratch_1", "lockstep_shop_scratch_2"];
  const [first = "", second = ""] = pool;
  const claim = (name: string, isOver = false) => ({ name, words: `"${name}" by 7`, isOver });

  test("scratch databases: free, in use, all in use, and left without a claim", () => {
    expect(judgeScratch(pool, [], [], [])).toMatchObject({ ...none, figure: "0 of 2 are claimed" });
    expect(judgeScratch(pool, [first], [claim(first)], [])).toMatchObject(none);
    const all = [claim(first), claim(second)];
    expect(judgeScratch(pool, pool, all, [])).toMatchObject({
      ...{ outcome: "warning", mend: says("wait until") },
    });
    expect(judgeScratch(pool, pool, [claim(second)], [])).toMatchObject({
      outcome: "warning",
      figure: `1 of 2 are claimed; nobody has claimed what is left in ${first}`,
      mend: says(`db.getSiblingDB("${first}").dropDatabase()`),
    });
    expect(judgeScratch(pool, [first], [], [claim(first)]), "it has ended since").toMatchObject(
      none,
    );
  });

  test("claims: none, those of the living, and those of the dead with the way to clear each", () => {
    expect(judgeClaims(pool, [])).toMatchObject({ ...none, figure: "there is none" });
    expect(judgeClaims(pool, [claim(first)])).toMatchObject({ ...none, figure: `"${first}" by 7` });
    const left = judgeClaims(pool, [claim(first, true)]);
    expect(left).toMatchObject({ outcome: "warning", figure: says("whose owner is dead") });
    expect(left.mend).not.toContain("--to-db");
    const beside = judgeClaims(pool, [claim(first), claim("shop_before", true)]);
    expect(beside.mend).toBe(
      "run `lockstep restore` with --to-db shop_before again: it goes on there",
    );
  });

  test("databases of other fleets, each fleet once, and those that nobody has registered", () => {
    const names = ["shop", "lockstep", "lockstep_A", "lockstep_A_scratch_3", "lockstep_b"];
    expect(controlsOf(names)).toEqual(["lockstep_A", "lockstep_b"]);
    expect(judgeStrays(["lockstep_A"], ["lockstep_a"])).toMatchObject({
      ...{ ...none, figure: "1 other fleet is registered" },
    });
    const many = Array.from({ length: 12 }, (_, index) => `lockstep_${index}`);
    expect(judgeStrays(many, ["lockstep_0"])).toMatchObject({
      ...{ outcome: "warning", figure: expect.stringMatching(/lockstep_10 and 1 more$/) },
    });
  });
});

describe("the state of the fleet", () => {
  const of = (status: Parameters<typeof fleetStatus>[0], name: string) =>
    judgeFleet(fleetStatus(status)).find((finding) => finding.name === name);
  const away = { agent: "a2", epoch: 4, live: false, renewedAt: null, leaseUntil: now - 1_000 };
  const silent = ["a1", "a2"].map((agent) => agentStatus(agent, { silent: true }));

  test("nothing is wrong", () => {
    const found = judgeFleet(fleetStatus());
    expect(found.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "ok"]);
    expect(found[0]?.figure).toBe("a2 in epoch 4, whose lease lasts 4.0 s more");
    expect(found[2]?.figure).toBe("3 of 3 are well: 3 active");
  });

  test("no master: another one follows, or nobody is left to become one", () => {
    expect(of({ master: away }, "the master")).toMatchObject({
      ...{ outcome: "warning", figure: says("the last one was a2"), mend: says("takes over") },
    });
    expect(of({ master: null, agents: silent }, "the master")).toMatchObject({
      ...{ outcome: "trouble", figure: says("there was none yet"), mend: says("state server") },
    });
  });

  test.each<[Parameters<typeof upgradeStatus>[0], string, string | null]>([
    [{}, "ok", null],
    [{ final: true, state: "done" }, "ok", null],
    [{ state: "blocked", waitingFor: ["operator"] }, "trouble", "lockstep retry"],
    [{ unreadable: true }, "trouble", "that can read its journal"],
    [{ silent: [{ agent: "a3", until: now }] }, "warning", "lockstep forget"],
    [
      { final: true, state: "done", notServing: [{ agent: "a3", why: "its gate is shut" }] },
      "warning",
      "lockstep explain",
    ],
  ])("an upgrade that is %j is %s", (facts, outcome, mend) => {
    expect(of({ upgrade: upgradeStatus(facts) }, "the upgrade")).toMatchObject({
      ...{ outcome, figure: says("u000002 from 1.0.0 to 1.1.0"), code: null },
      mend: mend === null ? null : says(mend),
    });
  });

  test("agents: blocked and silent ones have a line each, the others one together", () => {
    const agents = [
      agentStatus("a1"),
      agentStatus("a2", { silent: true, lastSeenAt: now - 9_000 }),
      agentStatus("a3", { blocked: "a full disk: make room" }),
      agentStatus("a4", { silent: true, lastSeenAt: 0 }),
    ];
    const found = judgeFleet(fleetStatus({ agents })).slice(2);
    expect(found).toMatchObject([
      { name: "the agents", outcome: "ok", figure: "1 of 4 are well: 1 active" },
      { name: "the agent a3", outcome: "trouble", figure: "blocked: a full disk: make room" },
      { name: "the agent a4", outcome: "trouble", mend: says("lockstep forget a4") },
      {
        name: "the agent a2",
        outcome: "warning",
        figure: "waiting: for its heartbeat, for 9.0 s",
        mend: says("start it on its host"),
      },
      { name: "the launchers", outcome: "ok", figure: "4 of 4 agents run under one" },
    ]);
  });

  test("many agents that are not well: the rest is counted, and nobody counts as well", () => {
    const count = limits.plannedAgentsShownMax + 5;
    const agents = Array.from({ length: count }, (_, index) =>
      agentStatus(`a${index}`, { blocked: "a full disk" }),
    );
    const found = judgeFleet(fleetStatus({ agents })).slice(2);
    expect(found).toHaveLength(limits.plannedAgentsShownMax + 2);
    expect(found.at(-2)).toMatchObject({
      ...{ name: "the agents", outcome: "trouble", figure: "5 more are blocked or silent" },
      mend: says("lockstep status"),
    });
  });

  test("no agent, and agents without a launcher", () => {
    const empty = judgeFleet(fleetStatus({ agents: [], master: null }));
    expect(empty.map(({ name, outcome }) => [name, outcome])).toEqual([
      ["the master", "trouble"],
      ["the upgrade", "ok"],
      ["the agents", "warning"],
    ]);
    const agents = [agentStatus("a1"), agentStatus("a2", { startable: [] })];
    expect(of({ agents }, "the launchers")).toMatchObject({
      ...{ outcome: "warning", figure: "1 of 2 agents run under one, and not a2" },
    });
  });
});

test("whatever is not ok has a mend, and whatever is ok has none", () => {
  const found = [
    ...judgeFleet(fleetStatus()),
    ...judgeFleet(fleetStatus({ agents: [], master: null })),
    judgeClocks([]),
    judgeWindow([]),
  ];
  for (const { outcome, mend } of found) expect(mend === null).toBe(outcome === "ok");
});
