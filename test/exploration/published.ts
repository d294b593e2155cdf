import { type Budget, faultsInAll, noFaults } from "./vocabulary.ts";

/** One exploration with the number of states that it has: another number is a finding. */
export interface Published {
  readonly name: string;
  readonly budget: Budget;
  readonly states: number;
}

/** What the tests explore. */
export const publishedShort: readonly Published[] = [
  { name: "no fault", budget: faultsInAll(0), states: 665 },
  { name: "any one fault", budget: faultsInAll(1), states: 92_920 },
];

/** What `npm run explore` explores after that: pairs of faults that meet each other. */
export const publishedLong: readonly Published[] = [
  {
    name: "two of a failover, a lost answer and a pause",
    budget: { ...noFaults, inAll: 2, failovers: 1, lostAnswers: 1, pauses: 1 },
    states: 53_383,
  },
  {
    name: "a crash and a failover",
    budget: { ...noFaults, inAll: 2, crashes: 1, failovers: 1 },
    states: 24_115,
  },
  {
    name: "a crash and a lost answer",
    budget: { ...noFaults, inAll: 2, crashes: 1, lostAnswers: 1 },
    states: 40_482,
  },
  {
    name: "an abort and a failover",
    budget: { ...noFaults, inAll: 2, aborts: 1, failovers: 1 },
    states: 100_856,
  },
  {
    name: "an abort and a failure",
    budget: { ...noFaults, inAll: 2, aborts: 1, failures: 1 },
    states: 215_944,
  },
];
