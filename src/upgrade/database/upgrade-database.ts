import type { SavedWrites } from "../../../machines/vocabulary.ts";
import type { Holdings } from "../../control/agents.ts";
import type { VerifiedDump } from "../../database/backup/dump/verify-dump.ts";
import type { Manifest } from "../../database/backup/manifest.ts";
import type { DataDatabase } from "../../database/data-database.ts";
import type { WritesFound } from "../../database/isolation/foreign-writes.ts";
import type { PartialCopy } from "../../database/rehearsal/partial-copy.ts";
import type { Mastership } from "../../leadership/mastership.ts";
import type { Catalogue } from "../../mongo/catalogue/catalogue.ts";
import type { Catalogued } from "../protocol/copies/backup-point.ts";

/** The proof that a master's effect hands to each primitive that changes something. */
export interface Acting {
  /** Id of the effect: the same for each master that goes on with it. */
  readonly effect: string;
  /** The actor of the upgrade: the same for all its effects. */
  readonly actor: string;
  readonly mastership: Mastership;
  readonly signal: AbortSignal;
}

/** Room on each member beside an upgrade's own copies: for a backup that is to be restored. */
export interface ExtraCopy {
  readonly bytes: number;
  readonly files: number;
}

/** A database that an upgrade may change. */
export interface Judged {
  /** The facts that an operator should know and may accept. */
  readonly warnings: readonly string[];
  /** Its definitions at that moment. */
  readonly catalogue: Catalogue;
}

/** A copy on this host that was proven whole. */
export interface HeldCopy extends VerifiedDump {
  /** The name of its folder: usually the id that its manifest says. */
  readonly folder: string;
}

/** An empty database that is claimed for one rehearsal. */
export interface ScratchDatabase extends DataDatabase {
  /** Aborts when the claim is lost. */
  readonly signal: AbortSignal;
  /** @throws LockstepError `backup-mismatch` where it is not what was backed up */
  load(copy: HeldCopy, signal: AbortSignal): Promise<void>;
  /**
   * Makes the definitions of a copy that was taken while nobody wrote. Its documents follow where they are reached.
   * @throws LockstepError `backup-mismatch` where it is not what was backed up
   */
  loadPartly(copy: HeldCopy, signal: AbortSignal): Promise<PartialCopy>;
}

/** A state server's dump, as an upgrade asks for it. */
export interface DumpRequest extends Catalogued {
  readonly backupId: string;
  /** The version that the data is of. */
  readonly version: string;
  /** The time T. */
  readonly time: string;
  readonly signal: AbortSignal;
}

/**
 * The primitives by which the effects of both machines reach the application's data, the members of its set, and the
 * copies on this host: a port. A primitive decides nothing about an upgrade. Each is idempotent, and each that takes
 * `Acting` is refused with `fenced` or `lease-lost` once another master has taken over.
 */
export interface UpgradeDatabase {
  readonly live: DataDatabase;

  /** Chooses a time T that a majority has. */
  chooseTime(): Promise<string>;
  /** Ends operations on the live data that can write, and waits for those that it may not end. */
  endEarlierOperations(): Promise<void>;
  /**
   * Looks for writes since T that are not of this upgrade.
   * @throws LockstepError `foreign-writes`, with up to ten of them and what to do next
   */
  refuseForeignWrites(acting: Acting, time: string, whatNext?: string): Promise<void>;
  /**
   * Looks for documents that others have written since a moment by the store's clock. It leaves deletions out.
   * @throws LockstepError `foreign-writes` where nobody can say any more
   */
  findWritesSince(acting: Acting, ms: number): Promise<WritesFound>;
  /**
   * Saves the documents that others have written since the time T into this agent's data directory.
   * @throws LockstepError `disk-full`, `file-trouble`
   */
  saveForeignWrites(acting: Acting, time: string): Promise<Omit<SavedWrites, "agent">>;

  /** Stops TTL deletion on each member that can be reached. */
  pauseDeletions(acting: Acting): Promise<void>;
  /** @param isWanted asked once it is known what is held: a later hold stays */
  resumeDeletions(isWanted: () => Promise<boolean>): Promise<void>;
  /** Makes each member keep its snapshot history for so long. */
  holdHistory(acting: Acting, seconds: number): Promise<void>;
  releaseHistory(isWanted: () => Promise<boolean>): Promise<void>;
  /** Shuts out writers outside the fleet. */
  blockWrites(acting: Acting): Promise<void>;
  allowWrites(isWanted: () => Promise<boolean>): Promise<void>;

  /** @throws LockstepError `disk-full` where a member has less free than this and its reserve */
  requireRoom(neededBytes: number): Promise<void>;
  /** Refuses by name what cannot be upgraded; nothing is written. */
  preflight(extra: ExtraCopy): Promise<Judged>;

  /**
   * Bytes free where copies go, the ids of those that are there, the state of the agent's own member, and the rights
   * that a state server's user lacks.
   */
  holdings(): Promise<Holdings>;
  /** Takes this host's copy at T, and proves it. */
  dump(request: DumpRequest): Promise<Manifest>;
  /** @throws LockstepError `backup-mismatch` where this folder of the host holds no whole copy */
  verifyCopy(folder: string): Promise<HeldCopy>;
  /** Deletes the oldest copies that upgrades have made, but none of those that are referenced. */
  sweepCopies(referenced: readonly string[]): Promise<void>;

  /** @throws LockstepError where a copy is of another release of the server */
  requireServerOf(copy: HeldCopy): Promise<void>;
  /** Does something in an empty scratch database, which is emptied and freed afterwards. */
  withScratch<Result>(
    acting: Acting,
    purpose: string,
    act: (scratch: ScratchDatabase) => Promise<Result>,
  ): Promise<Result>;
  /** Empties the scratch databases that deposed masters have left. */
  clearScratch(acting: Acting, purpose: string): Promise<void>;
  /**
   * Puts a copy in place of what differs from it in the live database, and proves that it is what was there at T.
   * @returns the digest of the live data
   */
  restore(acting: Acting, copy: HeldCopy, wanted: Catalogued): Promise<string>;
  /** Puts a backup of any time in place of the live data, as the one step of an upgrade. */
  restoreOver(acting: Acting, upgradeId: string, copy: HeldCopy): Promise<void>;
}
