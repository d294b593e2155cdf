import { type Fleet, nameOf } from "../../control/fleet-registry.ts";
import { type ErrorCode, LockstepError } from "../../errors.ts";
import { namesShown } from "../names-shown.ts";
import { namedDeadlines } from "./named-deadlines.ts";
import type { FleetPlan } from "./plan-shape.ts";

/** The differences between two lists of named things, in words. */
function listDifferences(
  what: string,
  approved: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string>,
): readonly string[] {
  const gone = [...approved.keys()].filter((name) => !present.has(name));
  const added = [...present.keys()].filter((name) => !approved.has(name));
  const changed = [...present].flatMap(([name, text]) => {
    const before = approved.get(name);
    return before === undefined || before === text ? [] : [name];
  });
  return [
    ...(gone.length > 0 ? [`${what} that are gone: ${namesShown(gone)}`] : []),
    ...(added.length > 0 ? [`${what} that are new: ${namesShown(added)}`] : []),
    ...(changed.length > 0 ? [`${what} that have changed: ${namesShown(changed)}`] : []),
  ];
}

const agentsOf = ({ agents }: FleetPlan) =>
  new Map(
    agents.map(({ agent, role, version, isRequired }) => [
      agent,
      `${role} ${version} ${isRequired}`,
    ]),
  );
const collectionsOf = ({ collections }: FleetPlan) =>
  new Map(collections.map(({ name, digest }) => [name, digest]));
const stepsOf = ({ steps }: FleetPlan) =>
  new Map(steps.map((step) => [`"${step.name}"`, JSON.stringify(step)]));
const deadlinesOf = ({ deadlines }: FleetPlan) =>
  new Map(namedDeadlines(deadlines).map(([name, ms]) => [name, String(ms)]));

/** A plan that is older than an upgrade, also than one that went back. */
function generationDifference(
  approved: Pick<FleetPlan, "generation">,
  present: Pick<FleetPlan, "generation">,
): readonly string[] {
  if (approved.generation === present.generation) return [];
  return [
    `the fleet has had another upgrade since (generation ${approved.generation}, now ${present.generation})`,
  ];
}

function refuseDifferences(differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new LockstepError(
    "plan-differs",
    `expected the fleet as it was planned, found differences: ${differences.join("; ")}: make the plan again and read it; nothing was asked for`,
    { differences },
  );
}

/** The differences between a plan that was approved and the same plan made now. It is empty where they agree. Pure. */
export function planDifferences(approved: FleetPlan, present: FleetPlan): readonly string[] {
  const steps = listDifferences("steps", stepsOf(approved), stepsOf(present));
  const isOtherCode = steps.length === 0 && approved.stepHash !== present.stepHash;
  return [
    ...generationDifference(approved, present),
    ...(approved.from === present.from
      ? []
      : [`the fleet was on ${approved.from}, and is on ${present.from}`]),
    ...listDifferences("agents", agentsOf(approved), agentsOf(present)),
    ...steps,
    ...(isOtherCode ? ["the steps have the same names and other code"] : []),
    ...listDifferences("collections", collectionsOf(approved), collectionsOf(present)),
    ...listDifferences("deadlines", deadlinesOf(approved), deadlinesOf(present)),
  ];
}

/**
 * Refuses a plan that was made for another fleet. Pure.
 * @throws LockstepError `plan-differs`
 */
export function requireSameFleet(approved: FleetPlan, present: Fleet): void {
  const isSame =
    approved.controlDatabaseName === present.controlDatabaseName &&
    approved.databaseName === present.databaseName;
  if (isSame) return;
  throw new LockstepError(
    "plan-differs",
    `expected a plan for the fleet "${nameOf(present)}" of the database "${present.databaseName}", found one for "${nameOf(approved)}" of "${approved.databaseName}": correct the URL, --fleet or the file; nothing was asked for`,
  );
}

/**
 * Refuses a plan that does not hold any more. Pure.
 * @throws LockstepError `plan-differs`
 */
export function requirePlanHolds(approved: FleetPlan, present: FleetPlan): void {
  refuseDifferences(planDifferences(approved, present));
}

/**
 * Refuses a plan that is older than an upgrade, before it is made again: its version may be no target any more. Pure.
 * @throws LockstepError `plan-differs`
 */
export function requireSameGeneration(
  approved: FleetPlan,
  present: Pick<FleetPlan, "generation">,
): void {
  refuseDifferences(generationDifference(approved, present));
}

/**
 * Refuses a plan of which a check is not passed any more: free disk always changes. Pure.
 * @throws LockstepError the code of the first refusal
 */
export function requireChecks({ checks }: Pick<FleetPlan, "checks">): void {
  const refused = checks.find(({ isPassed }) => !isPassed);
  if (refused === undefined) return;
  throw new LockstepError((refused.code ?? "unexpected") as ErrorCode, refused.figure);
}
