import { type Budget, faultsInAll, noFaults } from "./vocabulary.ts";

/** One exploration with the number of states that it has: another number is a finding. */
export interface Published {
  readonly name: string;
  readonly budget: Budget;
  readonly states: number;
}

/** The explorations of the tests. */
export const publishedShort: readonly Published[] = [
  { name: "no fault", budget: faultsInAll(0), states: 661 },
  { name: "any one fault", budget: faultsInAll(1), states: 105_752 },
];

/** The explorations that `npm run explore` adds: any two faults of different kinds meet each other, or a pause does. */
export const publishedLong: readonly Published[] = [
  {
    name: "any two faults but a pause",
    budget: { ...faultsInAll(2), holds: 0 },
    states: 2_884_713,
  },
  {
    name: "a pause, and the loss of a master or of an answer",
    budget: { ...noFaults, inAll: 2, crashes: 1, failovers: 1, lostAnswers: 1, holds: 1 },
    states: 76_499,
  },
];
