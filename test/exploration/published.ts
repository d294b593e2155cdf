import { type Budget, faultsInAll } from "./vocabulary.ts";

/** One exploration with the number of states that it has: another number is a finding. */
export interface Published {
  readonly name: string;
  readonly budget: Budget;
  readonly states: number;
}

/** What the tests explore. */
export const publishedShort: readonly Published[] = [
  { name: "no fault", budget: faultsInAll(0), states: 665 },
  { name: "any one fault", budget: faultsInAll(1), states: 90_972 },
];

/** What `npm run explore` explores after that: any two faults of different kinds meet each other. */
export const publishedLong: readonly Published[] = [
  {
    name: "any two faults",
    budget: faultsInAll(2),
    states: 1_904_234,
  },
];
