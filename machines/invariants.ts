import type { ParticipantContext } from "./participant-context.ts";
import {
  everyoneSettled,
  forwardStates,
  mayCommit,
  readiness,
  type UpgradeContext,
} from "./upgrade-context.ts";

/** One machine's state as the invariants see it. */
export interface Seen<Context> {
  readonly state: string;
  readonly context: Context;
}

type Rule = readonly [name: string, holds: boolean];

function broken(rules: readonly Rule[]): string[] {
  return rules.filter(([, holds]) => !holds).map(([name]) => name);
}

const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
const back = ["rolling-back", "blocked", "rolled-back"];
const beforeWork = ["rehearsing", "paused"];

/** The invariants that every transition of the coordinator keeps, by their names in docs/verification.md. Pure. */
export function upgradeInvariants(
  before: Seen<UpgradeContext>,
  after: Seen<UpgradeContext>,
): string[] {
  const [old, now] = [before.context, after.context];
  const entered = (state: string) => after.state === state && before.state !== state;
  const frozen = (context: UpgradeContext) => [context.upgradeId, context.from, context.to];
  const remaining = old.required.filter(({ agent }) => !now.excluded.includes(agent));
  return broken([
    ["S3: the upgrade never changes", same(frozen(old), frozen(now))],
    ["S3: the required set shrinks by exclusion only", same(remaining, now.required)],
    ["S5: everybody was ready alike", !entered("backing-up") || readiness(now) === "ready"],
    ["S6: copies agreed before the rehearsal", !entered("rehearsing") || now.backup !== null],
    [
      "S6: rehearsed before the migration",
      !entered("migrating") || beforeWork.includes(before.state),
    ],
    ["S9: touched data is restored", !entered("rolled-back") || now.restored],
    ["S10: done is final", before.state !== "done" || after.state === "done"],
    ["back is back", !back.includes(before.state) || !forwardStates.includes(after.state)],
    ["touched stays touched", !old.touched || now.touched || after.state === "backing-up"],
    ["a new T takes new copies", !entered("backing-up") || now.backup === null],
    ["migrating touches", !["migrating", "paused"].includes(after.state) || now.touched],
    ["paused within the migration", !entered("paused") || before.state === "migrating"],
    ["paused as asked", after.state !== "paused" || now.pause !== null],
    ["a pause holds", !entered("awaiting-peers") || now.pause === null],
    ["committed by votes", !entered("done") || mayCommit(now)],
    ["settled at the end", !entered("rolled-back") || everyoneSettled(now)],
    ["a roll-back has a reason", after.state !== "rolling-back" || now.reason !== null],
    ["blocked has a reason", !entered("blocked") || now.blockedReason !== null],
  ]);
}

/** The invariants that every transition of a participant keeps. Pure. */
export function agentInvariants(
  before: Seen<ParticipantContext>,
  after: Seen<ParticipantContext>,
  event: string,
): string[] {
  const [old, now] = [before.context, after.context];
  const moved = before.state !== after.state;
  const decided = ["committed", "turnBackAsked"].includes(event);
  const frozen = (context: ParticipantContext) => [
    context.agent,
    context.upgradeId,
    context.from,
    context.to,
  ];
  return broken([
    ["S3: the upgrade never changes", same(frozen(old), frozen(now))],
    ["S12: a vote stands", before.state !== "awaiting-peers" || !moved || decided],
    ["S10: done is final", before.state !== "done" || after.state === "done"],
    [
      "a vote comes after the readiness check",
      after.state !== "awaiting-peers" || !moved || before.state === "checking-readiness",
    ],
    ["turned back stays so", !old.turnedBack || now.turnedBack],
    [
      "back only when asked",
      after.state !== "rolling-back" || !moved || event === "turnBackAsked" || old.turnedBack,
    ],
    ["S10: late goes forward", !old.late || !["rolling-back", "rolled-back"].includes(after.state)],
    [
      "superseded only after the commit",
      !["withdrawing", "superseded"].includes(after.state) || (now.late && now.superseded),
    ],
    ["on the old version at the end", after.state !== "rolled-back" || now.running === now.from],
    ["blocked has a reason", after.state !== "blocked" || !moved || now.reason !== null],
  ]);
}
