import type { BackupPoint, RestoreOf } from "./vocabulary.ts";

/** The work of one upgrade: on the copy first, then on the live data. */
export interface WorkParams {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  readonly backup: BackupPoint | null;
  readonly restoreOf: RestoreOf | null;
  /** Bytes by which the copy grew in the rehearsal; null before it. */
  readonly growthBytes: number | null;
  /** Agents that hold the copy that is worked on: a master that holds none leaves it to them. */
  readonly holders: readonly string[];
}

/** The effects of the coordinator by name, with their parameters. A master's process runs them. */
export interface CoordinatorParams {
  readonly chooseBackupTime: { readonly upgradeId: string; readonly to: string };
  readonly rehearse: WorkParams;
  readonly migrate: WorkParams;
  readonly keepHolds: {
    readonly upgradeId: string;
    readonly to: string;
    readonly backup: BackupPoint | null;
  };
  readonly verifyLiveData: {
    readonly upgradeId: string;
    readonly to: string;
    readonly expected: string | null;
    readonly backup: BackupPoint | null;
  };
  readonly restore: {
    readonly upgradeId: string;
    readonly backup: BackupPoint | null;
    readonly touched: boolean;
    readonly holders: readonly string[];
    readonly acceptForeignWrites: boolean;
  };
  readonly liftHolds: { readonly upgradeId: string };
}

const coordinatorEffects: Readonly<Record<keyof CoordinatorParams, true>> = {
  ...{ chooseBackupTime: true, rehearse: true, migrate: true, keepHolds: true },
  ...{ verifyLiveData: true, restore: true, liftHolds: true },
};

/** The names of the coordinator's effects. */
export const coordinatorEffectNames: readonly string[] = Object.keys(coordinatorEffects);

export interface LocalParams {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
}

/** The effects of a participant by name, with their parameters. The agent's own process runs them. */
export interface ParticipantParams {
  readonly shutGate: { readonly agent: string };
  readonly changeVersion: { readonly version: string };
  readonly dumpCopy: {
    readonly upgradeId: string;
    readonly from: string;
    readonly backup: BackupPoint | null;
  };
  readonly runLocalSteps: LocalParams;
  readonly checkReadiness: LocalParams;
  readonly undoLocalSteps: LocalParams;
  readonly keepVersion: { readonly upgradeId: string; readonly version: string };
}
