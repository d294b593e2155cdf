import { type HistoryRecord, isOver } from "../../database/history/history-record.ts";
import { isHolderOf } from "../../database/isolation/member-hold.ts";
import type { HeldDeletions } from "../../database/isolation/ttl-hold.ts";
import type { HistoryHolder } from "../../journal/fence.ts";
import { sharedDatabaseName } from "../../mongo/database-names.ts";
import { namesShown } from "../names-shown.ts";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { parts } from "./mends.ts";

const startServer = "a state server lifts it by itself: start one where none runs";

/** The holders that are of other fleets. */
export interface OtherHolders {
  /** Those whose fleets are registered. */
  readonly others: readonly string[];
  readonly gone: readonly string[];
}

/** The beginning of a mend, which says when its command is due. No state server lifts the hold of a fleet that is gone. */
function whereLeft(gone: readonly string[]): string {
  return gone.length === 0
    ? `${startServer}; where none is left,`
    : `no fleet is registered for ${namesShown(gone)}: where it is gone for good,`;
}

/** The block of writers: what the fleet has recorded, and what the server does. */
export interface FoundBlock extends Pick<OtherHolders, "others"> {
  /** The upgrade's effect that has asked for it, or null without a record. */
  readonly holder: string | null;
  /** True where the set refuses writes of its users. Null where this user lacks the right to ask. */
  readonly isBlocked: boolean | null;
}

/** Judges the block that keeps writers out during an upgrade. Pure. */
export function judgeWriteBlock(
  { holder, others, isBlocked }: FoundBlock,
  upgradeId: string | null,
): Finding {
  const { writeBlock: name } = parts;
  if (holder === null && isBlocked !== true) {
    return ok(name, "no upgrade of this fleet keeps writers out");
  }
  if (holder === null && others.length > 0) {
    return ok(name, `another fleet keeps the writers of the set out: ${namesShown(others)}`);
  }
  if (holder === null) {
    return warning(
      name,
      "the set refuses what its users write, and no upgrade has recorded that",
      "it may be wanted by an operator; where nobody wants it, run `lockstep allow-writes --force`",
    );
  }
  if (upgradeId !== null) return ok(name, `${upgradeId} keeps writers out, until its end`);
  return trouble(
    name,
    `writers are kept out, and no upgrade is active (${holder})`,
    "start a state server, which lets them in, or run `lockstep allow-writes`",
  );
}

/** The members where TTL deletion rests, and the upgrades of all fleets that need it. */
export type FoundDeletions = HeldDeletions & OtherHolders;

/** Judges the rest of TTL deletion during an upgrade. Pure. */
export function judgeDeletions(
  { hosts, holders, others, gone }: FoundDeletions,
  upgradeId: string | null,
): Finding {
  const { deletions: name } = parts;
  if (hosts.length === 0) return ok(name, "no upgrade lets it rest");
  const where = namesShown(hosts);
  if (upgradeId !== null) return ok(name, `it rests on ${where}, until the end of ${upgradeId}`);
  if (others.length > 0) return ok(name, `it rests on ${where}, for ${namesShown(others)}`);
  const record = `db.getSiblingDB("${sharedDatabaseName}").fences.deleteOne({_id: "deletions"})`;
  const left = holders.length === 0 ? "" : ` (${namesShown(holders)})`;
  return warning(
    name,
    `it rests on ${where}, and no upgrade is active${left}: documents stay that should be gone`,
    `${whereLeft(gone)} run in mongosh on each of these members db.adminCommand({setParameter: 1, ttlMonitorEnabled: true}), then on the primary ${record}`,
  );
}

/** The holds of history. */
export type FoundHistory = HistoryRecord & Pick<OtherHolders, "gone">;

/** Judges the longer history of the members during an upgrade, or a backup by hand. Pure. */
export function judgeHistoryHold(
  { holders, members, nowMs, gone }: FoundHistory,
  upgradeId: string | null,
  control: string,
): Finding {
  const { historyHold: name } = parts;
  const isLeft = (each: HistoryHolder) =>
    isOver(each, nowMs) ||
    gone.includes(each.holder) ||
    (each.untilMs === null && upgradeId === null && isHolderOf(control, each.holder));
  const wanted = holders.filter((each) => !isLeft(each));
  if (wanted.length > 0) {
    const names = namesShown(wanted.map(({ holder }) => holder));
    return ok(name, `the members keep more of it for ${names}`);
  }
  const left = holders.filter(isLeft);
  if (left.length === 0 && members.length === 0) return ok(name, "nothing makes members keep more");
  const set = members.map(
    ({ host, previous }) =>
      `on ${host} db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: ${previous}})`,
  );
  const record = `on the primary db.getSiblingDB("${sharedDatabaseName}").fences.deleteOne({_id: "history"})`;
  const hosts = members.length === 0 ? "no member" : namesShown(members.map(({ host }) => host));
  return warning(
    name,
    `nothing needs it any more, and ${hosts} still keeps more of it${left.length === 0 ? "" : ` (for ${namesShown(left.map(({ holder }) => holder))})`}, which costs cache and disk`,
    `${whereLeft(gone)} run in mongosh ${[...set, record].join(", then ")}`,
  );
}
