import type { Versioned } from "./format.ts";

/** The local replica set is up. */
export interface DevLine extends Versioned {
  readonly type: "dev";
  /** The set, with a name for the application's database that a person replaces. */
  readonly url: string;
  /** The folder of its data. */
  readonly directory: string;
  /** True where the folder stays at the end. */
  readonly isKept: boolean;
  /** True where no set has used the folder before. */
  readonly isNew: boolean;
  readonly members: readonly {
    readonly name: string;
    readonly host: string;
    readonly pid: number;
  }[];
}

/** A member of the local replica set has ended, and is started again. */
export interface MemberLine extends Versioned {
  readonly type: "member";
  readonly member: string;
  readonly host: string;
  /** The signal, or the exit code in words. */
  readonly ended: string;
}
