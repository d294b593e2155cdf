/** Names and values that all parts of the model share. */
export const oldVersion = "1.0.0";
export const newVersion = "1.1.0";
export const upgradeName = "u000002";
export const agentNames = ["a1", "a2", "a3"] as const;
export const batchesMax = 2;

/** How a participant calls itself in the model, whichever agent it is: so equal ones are one. */
export const selfName = "self";

/** Every failure is one failure: no decision depends on what it says. */
export const failure = { code: "failed", message: "", details: {} } as const;

/** Faults that the exploration may still put in, by kind and in all. */
export interface Budget {
  readonly inAll: number;
  readonly crashes: number;
  /** Crashes after which the agent never comes back. */
  readonly deaths: number;
  /** Another machine takes an agent's name, with an empty disk. */
  readonly replacements: number;
  /** A lease taken while its holder lives and does not know. */
  readonly failovers: number;
  /** Writes that took effect though nobody was told. */
  readonly lostAnswers: number;
  /** A process that stands still between its reading and its writing, or so long that it is taken for dead. */
  readonly pauses: number;
  readonly timeouts: number;
  readonly aborts: number;
  /** An operator pauses the upgrade. */
  readonly holds: number;
  /** A step, a copy, a rehearsal or a build that fails. */
  readonly failures: number;
}

export const budgetKinds = [
  "inAll",
  "crashes",
  "deaths",
  "replacements",
  "failovers",
  "lostAnswers",
  "pauses",
  "timeouts",
  "aborts",
  "holds",
  "failures",
] as const satisfies readonly (keyof Budget)[];

export const noFaults: Budget = {
  inAll: 0,
  crashes: 0,
  deaths: 0,
  replacements: 0,
  failovers: 0,
  lostAnswers: 0,
  pauses: 0,
  timeouts: 0,
  aborts: 0,
  holds: 0,
  failures: 0,
};

/** Up to so many faults in all, each kind at most once. */
export function faultsInAll(inAll: number): Budget {
  const once = Object.fromEntries(budgetKinds.map((kind) => [kind, Math.min(1, inAll)]));
  return { ...noFaults, ...once, inAll };
}

/** Protocols that are wrong on purpose: the exploration has to find each of them out. */
export const mutantNames = [
  "no-fence",
  "gate-reads-then-opens",
  "no-value-in-transition",
  "participant-turns-back-by-itself",
  "roll-back-forgets-agent-version",
  "batch-counted-twice",
  "no-deadline",
  "paused-step-works-on",
] as const;
export type Mutant = (typeof mutantNames)[number];
