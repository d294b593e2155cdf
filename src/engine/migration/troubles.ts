/** A reason that keeps an actor from a newer version, or a part that the actor would miss there. */
export type TroubleKind =
  /** A state that the migration maps to none, or to one that the new version does not have. */
  | "state-lost"
  /** A child without a place in the new version. */
  | "child-lost"
  /** Pending work of a task or an action that the new version does not have. */
  | "work-lost"
  /** An `after` of a state that is active then, which this actor has not armed. */
  | "timer-never-starts"
  /** An `invoke` of a state that is active then, whose child this actor does not have. */
  | "invoke-never-starts"
  /** The migration fails for this context, or gives one that cannot be kept. */
  | "context-not-mapped"
  /** No way leads from the actor's version to the new one. */
  | "no-way"
  /** The new version cannot go on from the result for another reason. */
  | "not-readable";

/** One trouble of one actor. */
export interface Trouble {
  readonly trouble: TroubleKind;
  /** The path of the state, the child or the work, or the name of the timer. */
  readonly what: string;
  readonly message: string;
}

/** Gathers troubles, so that one look finds all of them. */
export class Troubles {
  readonly found: Trouble[] = [];

  add(trouble: TroubleKind, what: string, message: string): void {
    this.found.push({ trouble, what, message });
  }
}
