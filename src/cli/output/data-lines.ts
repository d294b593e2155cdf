import type { BackupSummary } from "../../operator/by-hand/backup-files.ts";
import type { Rehearsal } from "../../operator/by-hand/rehearse.ts";
import type { LoadProgress } from "../../operator/status.ts";
import type { Versioned } from "./format.ts";

/** The progress of a copy or a load. */
export interface ProgressLine extends LoadProgress, Versioned {
  readonly type: "progress";
}

/** Something that an operator should know, and that ends nothing. */
export interface NoticeLine extends Versioned {
  readonly type: "notice";
  readonly message: string;
}

/** A backup. */
export interface BackupLine extends BackupSummary, Versioned {
  readonly type: "backup";
}

/** A backup that cannot be read. */
export interface DamagedLine extends Versioned {
  readonly type: "damaged";
  readonly id: string;
  readonly message: string;
}

/** A backup of which every file is as it was written. */
export interface VerifiedLine extends BackupSummary, Versioned {
  readonly type: "verified";
}

/** One collection of a backup. */
export interface CollectionLine extends Versioned {
  readonly type: "collection";
  readonly name: string;
  readonly kind: "collection" | "view" | "timeseries";
  readonly documents: number;
  readonly bytes: number;
  /** The definitions of its indexes except `_id_`, each as BSON in base64. */
  readonly indexes: readonly string[];
}

/** A restore as it would be. */
export interface RestorePlanLine extends Versioned {
  readonly type: "restore-plan";
  readonly backupId: string;
  /** The database that would hold the data. */
  readonly to: string;
  /** The version on which the fleet would be, or null for a restore beside the live database. */
  readonly version: string | null;
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

/** A restore beside the live database that is done and proven. */
export interface RestoredLine extends Versioned {
  readonly type: "restored";
  readonly backupId: string;
  readonly to: string;
  readonly collections: number;
  readonly documents: number;
  readonly bytes: number;
}

/** A rehearsal by hand. */
export interface RehearsalLine extends Rehearsal, Versioned {
  readonly type: "rehearsal";
}
