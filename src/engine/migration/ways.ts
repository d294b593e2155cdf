import { compare, gt, rcompare } from "semver";
import type { DurableMachine, Migration } from "../definition/durable.ts";

/** One step of a way: the migration to a version, and the machine of the version before it where that is registered. */
export interface WayStep {
  readonly from: string;
  readonly to: DurableMachine;
  readonly migration: Migration;
  readonly before: DurableMachine | undefined;
}

/** The ways of one machine's versions up to newer ones. */
export interface Ways {
  /** The steps to the newest version that can be reached from a version. Empty where there is none above it. */
  from(version: string): readonly WayStep[];
}

interface Reached {
  readonly step: WayStep;
  readonly earlier: Reached | undefined;
}

/**
 * The graph of the versions of one machine, from all its registered versions: an edge leads from each version that a
 * `migrate` names up to the version that has it. Pure.
 */
export function waysOf(versions: readonly DurableMachine[]): Ways {
  // A longer step first, so that among ways of one length the same one is always taken.
  const newestFirst = versions.toSorted((one, other) => rcompare(one.version, other.version));
  const known = new Map<string, readonly WayStep[]>();
  return {
    from(version) {
      const found = known.get(version) ?? shortest(version, newestFirst);
      known.set(version, found);
      return found;
    },
  };
}

/** A search in breadth: the first time that it reaches a version, it does so by the fewest steps. */
function shortest(start: string, newestFirst: readonly DurableMachine[]): readonly WayStep[] {
  const reached = new Map<string, Reached | undefined>([[start, undefined]]);
  // A map shows what is added to it while it is gone through.
  for (const [from, earlier] of reached) {
    for (const to of newestFirst) {
      const migration = to.migrate.get(from);
      if (migration === undefined || reached.has(to.version) || !gt(to.version, from)) continue;
      const before = newestFirst.find(({ version }) => version === from);
      reached.set(to.version, { step: { from, to, migration, before }, earlier });
    }
  }
  const newest = [...reached.keys()].toSorted(compare).at(-1) ?? start;
  const steps: WayStep[] = [];
  for (let at = reached.get(newest); at !== undefined; at = at.earlier) steps.unshift(at.step);
  return steps;
}
