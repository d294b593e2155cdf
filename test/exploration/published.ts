import { type Budget, faultsInAll } from "./vocabulary.ts";

/** One exploration with the number of states that it has: another number is a finding. */
export interface Published {
  readonly name: string;
  readonly budget: Budget;
  readonly states: number;
}

/** The explorations of the tests. */
export const publishedShort: readonly Published[] = [
  { name: "no fault", budget: faultsInAll(0), states: 661 },
  { name: "any one fault", budget: faultsInAll(1), states: 105_212 },
];

/** The exploration that `npm run explore` adds: any two faults of different kinds meet each other. */
export const publishedLong: readonly Published[] = [
  {
    name: "any two faults",
    budget: faultsInAll(2),
    states: 2_884_713,
  },
];
