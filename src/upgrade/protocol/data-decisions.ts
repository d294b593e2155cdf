import type { UpgradeEvent } from "../../../machines/upgrade-context.ts";
import type { BackupPoint, Reason } from "../../../machines/vocabulary.ts";
import { differences } from "../../mongo/catalogue/catalogue.ts";
import { digestOf } from "../../mongo/catalogue/digest.ts";
import type { Catalogued } from "./copies/backup-point.ts";

/** The events that the coordinator's effects may answer with. */
type Answer<Type extends UpgradeEvent["type"]> = Extract<UpgradeEvent, { type: Type }>;

/** True where nothing differs between two looks at one database. Pure. */
export function isSameData(one: Catalogued, other: Catalogued): boolean {
  return (
    digestOf(one.digest) === digestOf(other.digest) &&
    differences(one.catalogue, other.catalogue, { ignoreUuid: false }).length === 0
  );
}

const stopThem = "stop those clients, then upgrade again";

/**
 * Judges, when the first step is about to change the live data, whether it is still that of T. Pure.
 * @param known the database at T, as it was stored
 * @returns the answer of the effect where it is not, for `withWrites` to complete, else null
 */
export function judgeLiveData(
  point: BackupPoint,
  known: Catalogued,
  live: Catalogued,
): Answer<"liveDataDiffers"> | null {
  const got = digestOf(live.digest);
  const changed = differences(known.catalogue, live.catalogue, { ignoreUuid: false });
  if (got === point.digest && changed.length === 0) return null;
  const reason = {
    code: "foreign-writes",
    message: `the live data is not what was backed up (${changed.join("; ") || "documents differ"}): somebody outside the fleet wrote`,
    details: { expected: point.digest, got, changed },
  };
  return { type: "liveDataDiffers", reason };
}

/** The reason of live data that differs, with the documents that the oplog names, and with what to do. Pure. */
export function withWrites(
  reason: Reason,
  found: { readonly message: string | null; readonly writes: unknown; readonly count: unknown },
): Reason {
  const { message, writes, count } = found;
  if (message === null) return { ...reason, message: `${reason.message}: ${stopThem}` };
  const details = { ...reason.details, writes, count };
  return { ...reason, message: `${reason.message}; ${message}`, details };
}

/**
 * The work of the way back on the live data. Where no step has begun, data that differs was written from outside,
 * and is not taken back. Pure.
 * @param hasBegun a step of this upgrade has begun on the live data, by the fence
 */
export function wayBack(
  { backup, touched }: { readonly backup: BackupPoint | null; readonly touched: boolean },
  hasBegun: boolean,
): "nothing-was-copied" | "keep" | "restore" {
  if (backup === null) return "nothing-was-copied";
  return touched && hasBegun ? "restore" : "keep";
}

/** True for an agent that is believed to hold the copy: another one gives those who do time to lead. Pure. */
export function isHolder(agent: string, holders: readonly string[]): boolean {
  return holders.includes(agent);
}

/**
 * The answer of a master that was asked to restore and has no whole copy. The next holder may have one; a master that
 * was never believed to hold one has failed. Pure.
 */
export function withoutCopy(
  agent: string,
  holders: readonly string[],
  reason: Reason,
): Answer<"copyLost"> | Answer<"restoreFailed"> {
  if (!isHolder(agent, holders)) return { type: "restoreFailed", reason };
  // The path of a copy is the same on each host, so the reason names the agent.
  const { code, message, details } = reason;
  return {
    type: "copyLost",
    agent,
    reason: { code, message, details: { ...details, agent } },
  };
}
