// Aim: a plan's file is taken only as it was written, and only while the fleet is as it was planned.
import { describe, expect, test } from "vitest";
import { LockstepError } from "../../src/errors.ts";
import type { HistoryItem } from "../../src/operator/history.ts";
import {
  planDifferences,
  requireChecks,
  requirePlanHolds,
  requireSameFleet,
} from "../../src/operator/planning/compare-plans.ts";
import { estimateStates } from "../../src/operator/planning/estimates.ts";
import { planned } from "../../src/operator/planning/make-plan.ts";
import { planOfText, planText } from "../../src/operator/planning/plan-shape.ts";
import { fleetPlan } from "../support/fleet-plan.ts";

const plan = fleetPlan();

describe("the file of a plan", () => {
  test("comes back as it was written", () => {
    expect(planOfText(planText(plan))).toEqual(plan);
  });

  test.each([
    ["cut off", (text: string) => text.slice(0, -20), "cut off"],
    ["empty", () => "", "cut off"],
    ["edited", (text: string) => text.replace('"1.1.0"', '"1.2.0"'), "changed since"],
    [
      "of a later build",
      (text: string) => text.replace('"formatVersion": 1', '"formatVersion": 2'),
      "version 2",
    ],
    ["of something else", () => '{"name": "package"}', "another one"],
    ["no object", () => "null", "another one"],
    [
      "without its plan",
      () => '{"format": "lockstep-plan", "formatVersion": 1}',
      "plan: expected an object, found nothing",
    ],
    [
      "with another seal",
      (text: string) => text.replace(/"seal": "\w+"/, '"seal": 1'),
      "changed since",
    ],
    [
      "without an agent's role",
      () => planText({ ...plan, agents: [{ agent: "a1" }] } as never),
      "plan.agents[0].role",
    ],
  ])("%s is refused", (_, change, words) => {
    expect(() => planOfText(change(planText(plan)))).toThrow(
      expect.objectContaining({ code: "bad-argument", message: expect.stringContaining(words) }),
    );
  });
});

describe("a plan and the fleet now", () => {
  test("agree, also where free disk and the time have changed", () => {
    const later = fleetPlan({ madeAt: 9, checks: [], estimates: [] });
    expect(planDifferences(plan, later)).toEqual([]);
    requirePlanHolds(plan, later);
  });

  test.each([
    [{ generation: 4 }, "another upgrade since (generation 2, now 4)"],
    [{ from: "1.0.5" }, "was on 1.0.0, and is on 1.0.5"],
    [{ agents: [] }, "agents that are gone: a1"],
    [{ agents: [...plan.agents, { ...plan.agents[0], agent: "a2" }] }, "agents that are new: a2"],
    [{ agents: [{ ...plan.agents[0], version: "1.0.1" }] }, "agents that have changed: a1"],
    [{ steps: [] }, 'steps that are gone: "titles"'],
    [{ stepHash: "other" }, "the steps have the same names and other code"],
    [{ collections: [{ name: "films", digest: "d2" }] }, "collections that have changed: films"],
    [
      { deadlines: { ...plan.deadlines, noProgressMs: 1 } },
      "deadlines that have changed: no-progress",
    ],
  ])("differ in %j", (facts, words) => {
    const differences = planDifferences(plan, fleetPlan(facts as object));
    expect(differences).toHaveLength(1);
    expect(differences[0]).toContain(words);
    expect(() => requirePlanHolds(plan, fleetPlan(facts as object))).toThrow(
      expect.objectContaining({ code: "plan-differs", details: { differences } }),
    );
  });

  test("steps with another name do not also count as other code, and many names are cut", () => {
    const others = Array.from({ length: 12 }, (_, number) => ({ name: `c${number}`, digest: "d" }));
    const differences = planDifferences(plan, fleetPlan({ steps: [], stepHash: "other" }));
    expect(differences).toEqual(['steps that are gone: "titles"']);
    const added = planDifferences(
      plan,
      fleetPlan({ collections: [...plan.collections, ...others] }),
    );
    expect(added[0]).toMatch(/c9 and 2 more$/);
  });

  test("a plan for another database or another fleet of it", () => {
    requireSameFleet(plan, plan);
    for (const other of [{ databaseName: "shop" }, { controlDatabaseName: "lockstep_shop" }]) {
      expect(() => requireSameFleet(plan, { ...plan, ...other })).toThrow(
        expect.objectContaining({ code: "plan-differs" }),
      );
    }
  });

  test("a check that is refused has its own code", () => {
    requireChecks(plan);
    const refused = {
      name: "a disk",
      isPassed: false,
      figure: "too full",
      code: "disk-full",
      warning: null,
    };
    expect(() => requireChecks({ checks: [...plan.checks, refused] })).toThrow(
      expect.objectContaining({ code: "disk-full", message: "too full" }),
    );
  });
});

test("a check that fails is a finding, and only a database that does not answer ends the plan", async () => {
  const check = (error: Error) => planned({ name: "c", run: () => Promise.reject(error) });
  const lacking = new LockstepError("rights-missing", "no right");
  expect(await check(lacking)).toMatchObject({
    isPassed: false,
    code: "rights-missing",
    figure: "no right",
  });
  expect(await check(new Error("odd"))).toMatchObject({ code: "unexpected", figure: "odd" });
  const away = new LockstepError("database-unreachable", "away");
  await expect(check(away)).rejects.toBe(away);
});

describe("estimates", () => {
  const upgrade = (state: string, waitingMs: number, copiesMs: number) =>
    ({
      ...{ state, restoreOf: null },
      states: [
        { state: "waiting", lastedMs: waitingMs },
        { state: "backing-up", lastedMs: copiesMs },
        { state: "waiting", lastedMs: 0 },
        { state: state, lastedMs: null },
      ],
    }) as unknown as HistoryItem;

  test("nothing is known but the size of the data: the copies have a range, the steps none", () => {
    expect(estimateStates(true, [], 70_000_000)).toEqual([
      { state: "waiting", ms: null },
      { state: "backing-up", ms: { least: 1_000, most: 14_000 } },
      { state: "rehearsing", ms: null },
      { state: "migrating", ms: null },
      { state: "awaiting-peers", ms: null },
    ]);
  });

  test("earlier committed upgrades say how long a state takes, and those that went back do not", () => {
    const history = [
      upgrade("done", 5, 30),
      upgrade("rolled-back", 999, 999),
      upgrade("done", 8, 20),
    ];
    const found = estimateStates(true, history, 70_000_000);
    expect(found.slice(0, 2).map(({ ms }) => ms)).toEqual([
      { least: 5, most: 8 },
      { least: 20, most: 30 },
    ]);
    const old = Array.from({ length: 5 }, () => upgrade("done", 100, 100));
    expect(estimateStates(false, [...history, ...old], 0)).toEqual([
      { state: "waiting", ms: { least: 100, most: 100 } },
      { state: "awaiting-peers", ms: null },
    ]);
  });
});
