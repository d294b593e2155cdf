// Aim: one set of words says how an agent and an upgrade are, and asks for a person only where one is needed.
import { describe, expect, test } from "vitest";
import type { FleetStatus, UpgradeStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { conditionsOf } from "../../src/operator/conditions.ts";
import {
  agentStatus,
  fleetStatus,
  statusNow as now,
  upgradeStatus,
} from "../support/fleet-status.ts";

const upgradeOf = (facts: Partial<UpgradeStatus>, rest: Partial<FleetStatus> = {}) =>
  conditionsOf(fleetStatus({ upgrade: upgradeStatus(facts), ...rest })).upgrade;
const agentOf = (status: FleetStatus, agent = "a1") =>
  conditionsOf(status).agents.find((each) => each.agent === agent);
const ended = { final: true, state: "done", waitingFor: [], until: null };
const away = { agent: "a2", epoch: 4, live: false, renewedAt: null, leaseUntil: now - 1_000 };

describe("an upgrade", () => {
  test("there is none", () => {
    expect(conditionsOf(fleetStatus()).upgrade).toBeNull();
  });

  test.each<[Partial<UpgradeStatus>, string, string]>([
    [{ state: "rehearsing" }, "working", "the master rehearses the steps on a copy"],
    [{}, "working", "the master migrates the live data"],
    [{ state: "awaiting-peers" }, "working", "the master verifies the live data"],
    [
      { state: "rolling-back", waitingFor: ["master", "a1"] },
      "working",
      "the master puts the data back",
    ],
    [{ state: "backing-up", waitingFor: ["a1"] }, "working", "the state servers copy the database"],
    [{ state: "waiting", waitingFor: ["a1", "a3"] }, "waiting", "for a1, a3"],
    [{ state: "awaiting-peers", waitingFor: ["a3"] }, "waiting", "for a3"],
    [{ state: "rolling-back", waitingFor: ["a3"] }, "waiting", "for a3"],
    [{ state: "waiting", waitingFor: [] }, "working", "the master takes the next step"],
    [ended, "active", "committed"],
    [{ ...ended, state: "rolled-back" }, "active", "back on 1.0.0"],
  ])("%j is %s", (facts, word, what) => {
    const waitsFor = word === "waiting" ? facts.waitingFor : [];
    const found = upgradeOf(facts);
    expect(found).toMatchObject({ word, what, waitsFor, todo: null, since: now - 10_000 });
    expect(found?.until).toBe(facts.final ? null : now + 60_000);
  });

  test("it is paused: it waits for a person, and nothing is to be mended", () => {
    const paused = { state: "paused", waitingFor: ["operator"], pause: { why: "a look" } };
    const words = { word: "waiting", what: "for an operator to resume it (a look)" };
    expect(upgradeOf(paused)).toEqual({
      ...{ ...words, waitsFor: ["operator"], since: now - 10_000, until: now + 60_000 },
      todo: "run `lockstep resume`, or `lockstep abort`",
    });
    const status = fleetStatus({ upgrade: upgradeStatus(paused) });
    expect(agentOf(status)).toMatchObject({ word: "waiting", what: "for operator" });
    // A dead master comes first: the pause cannot end without one.
    expect(upgradeOf(paused, { master: away })?.waitsFor).toEqual(["a master"]);
  });

  test("a pause that has not begun is told beside the work", () => {
    const what = "the master migrates the live data, and a pause follows";
    expect(upgradeOf({ pause: { why: "" } })).toMatchObject({ word: "working", what, todo: null });
  });

  test("it has ended, and an agent does not serve", () => {
    const notServing = [{ agent: "a3", why: "its gate is shut" }];
    expect(upgradeOf({ ...ended, notServing })).toMatchObject({
      ...{ word: "waiting", waitsFor: ["a3"], what: "committed; waits for a3 to serve" },
    });
  });

  test("a silent agent is waited for until the fleet turns back, and a person may help", () => {
    const silent = [
      { agent: "a3", until: now + 9_000 },
      { agent: "a1", until: now + 5_000 },
    ];
    expect(upgradeOf({ silent })).toMatchObject({
      ...{ word: "waiting", waitsFor: ["a3", "a1"], until: now + 5_000 },
      todo: expect.stringContaining("lockstep forget"),
    });
    expect(upgradeOf({ silent: [{ agent: "a3", until: null }] })?.until).toBe(now + 60_000);
  });

  test("nobody leads: another state server takes over, and where none lives a person starts one", () => {
    expect(upgradeOf({}, { master: away })).toMatchObject({
      ...{ word: "waiting", waitsFor: ["a master"], since: now - 1_000, todo: null },
    });
    const agents = [agentStatus("a1", { silent: true }), agentStatus("m1", { role: "machine" })];
    expect(upgradeOf({}, { master: away, agents })).toMatchObject({
      ...{ word: "blocked", todo: expect.stringContaining("start a state server") },
    });
    expect(upgradeOf({}, { master: null })?.word).toBe("waiting");
  });

  test("only a person ends what is blocked", () => {
    expect(upgradeOf({ state: "blocked", waitingFor: ["operator"] })).toMatchObject({
      ...{ word: "blocked", todo: "mend the cause, then run `lockstep retry`" },
    });
    expect(upgradeOf({ unreadable: true })).toMatchObject({
      ...{ word: "blocked", todo: expect.stringContaining("that can read its journal") },
    });
  });
});

describe("an agent", () => {
  const during = (facts: Partial<UpgradeStatus>) =>
    fleetStatus({
      upgrade: upgradeStatus(facts),
      agents: ["a1", "a2"].map((agent) => agentStatus(agent, { gate: "shut" })),
    });

  test("serves", () => {
    expect(agentOf(fleetStatus())).toMatchObject({ word: "active", what: "serves" });
  });

  test("its own part of an upgrade is work, that of others is a wait", () => {
    expect(agentOf(during({}), "a2")).toMatchObject({
      ...{ word: "working", what: "the master migrates the live data", until: now + 60_000 },
    });
    expect(agentOf(during({}))).toMatchObject({ word: "waiting", waitsFor: ["master"] });
    const ofMine = {
      waiting: "gets ready on 1.1.0 with its gate shut",
      "backing-up": "copies the database",
      "awaiting-peers": "runs its local steps and its readiness check, then votes",
      "rolling-back": "undoes its local steps and goes back to 1.0.0",
    };
    for (const [state, what] of Object.entries(ofMine)) {
      const status = during({ state, waitingFor: ["a1"] });
      expect(agentOf(status), state).toMatchObject({ word: "working", what });
      expect(agentOf(status, "a2"), state).toMatchObject({ word: "waiting", waitsFor: ["a1"] });
    }
    expect(agentOf(during({ state: "blocked", waitingFor: ["operator"] }))).toMatchObject({
      ...{ word: "waiting", waitsFor: ["operator"] },
    });
    expect(agentOf(during({ state: "waiting", waitingFor: [] }))?.waitsFor).toEqual(["master"]);
  });

  test("a master whose lease is over leads nothing", () => {
    const status = { ...during({}), master: away };
    expect(agentOf(status, "a2")).toMatchObject({ word: "waiting", waitsFor: ["master"] });
  });

  test("it drains", () => {
    const agents = [agentStatus("a1", { drainingSince: now - 3_000 })];
    const status = fleetStatus({ agents, upgrade: upgradeStatus({ state: "waiting" }) });
    expect(agentOf(status)).toMatchObject({ word: "working", what: "drains", since: now - 3_000 });
  });

  test("after an upgrade it works until it serves", () => {
    const one = (facts: object, upgrade: UpgradeStatus | null = null) =>
      agentOf(fleetStatus({ upgrade, agents: [agentStatus("a1", facts)] }));
    const notServing = [{ agent: "a1", why: "its onOpen has not ended" }];
    const over = upgradeStatus({ ...ended, notServing });
    expect(one({}, over)).toMatchObject({ word: "working", what: "its onOpen has not ended" });
    expect(one({ version: "0.9.0" })?.what).toBe("changes from 0.9.0 to 1.0.0");
    expect(one({ gate: "shut", owes: "u000001" })?.what).toBe("undoes its part of u000001");
    expect(one({ gate: "shut" })).toMatchObject({ word: "working", what: "opens its gate" });
    expect(one({ gate: "shut", starting: true })).toMatchObject({
      ...{ word: "working", what: "gets the files of its host ready" },
    });
  });

  test("silence is a restart at first, and later a matter for a person", () => {
    const seen = (lastSeenAt: number, upgrade: UpgradeStatus | null = null) =>
      agentOf(fleetStatus({ upgrade, agents: [agentStatus("a1", { silent: true, lastSeenAt })] }));
    const until = now - 6_000 + limits.silentDeadlineMs;
    expect(seen(now - 6_000)).toMatchObject({ word: "waiting", since: now - 6_000, until });
    expect(seen(now - limits.silentDeadlineMs)).toMatchObject({
      ...{ word: "blocked", todo: expect.stringContaining("lockstep forget a1") },
    });
    expect(seen(now + 3_600_000)?.word).toBe("blocked");
    expect(seen(0)).toMatchObject({ word: "blocked", since: null });
    const timed = upgradeStatus({ silent: [{ agent: "a1", until: now + 1_000 }] });
    expect(seen(now - 6_000, timed)?.until).toBe(now + 1_000);
  });

  test("its own trouble comes before all else", () => {
    const agents = [agentStatus("a1", { blocked: "a full disk: make room", silent: true })];
    expect(agentOf(fleetStatus({ agents }))).toMatchObject({
      ...{ word: "blocked", what: "a full disk: make room", todo: expect.any(String) },
    });
  });
});
