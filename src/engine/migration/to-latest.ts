import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { checkSize } from "../actor/entry-size.ts";
import type { EntryStamp, Step } from "../actor/step.ts";
import type { Registry } from "../definition/registry.ts";
import type { Entry } from "../journal/entry.ts";
import { passAlong } from "./pass-along.ts";
import type { Trouble } from "./troubles.ts";

/**
 * The entry that brings an actor to the newest version to which a way leads, or null where there is none.
 * @throws LockstepError `migration-refused`, `entry-too-large`
 */
export function toLatest(
  registry: Registry,
  tail: Entry,
  { nowMs, nonce }: EntryStamp,
): Step | null {
  if (tail.status !== "active") return null;
  const steps = registry.waysOf(tail.machine).from(tail.version);
  const last = steps.at(-1);
  if (last === undefined) return null;
  const { passed, troubles } = passAlong(tail, steps);
  if (passed === null) throw refused(tail, last.to.version, troubles);
  const { actor, startedAtMs, partition, machine, version: from, status, sinceMs } = tail;
  const { dropped, ...rest } = passed;
  const { version } = last.to;
  const type = "lockstep.migrated";
  const event = { type, from, to: version, ...(dropped.length === 0 ? {} : { dropped }) };
  const entry: Entry = {
    ...{ actor, startedAtMs, partition, machine, version, revision: tail.revision + 1, nonce },
    ...{ kind: "migrated", eventType: type, event: JSON.stringify(event), outcome: "applied" },
    ...{ ...rest, status, sinceMs, atMs: nowMs },
  };
  checkSize(entry);
  return { entry, closures: [], logged: [], replacedLength: tail.snapshot?.length ?? 0 };
}

function refused(
  { actor, machine, version: from }: Entry,
  to: string,
  troubles: readonly Trouble[],
): LockstepError {
  const shown = troubles.slice(0, limits.migrationTroublesShownMax);
  const words = shown.map(({ what, message }) => (what === "" ? message : `${what}: ${message}`));
  const more = troubles.length - shown.length;
  return new LockstepError(
    "migration-refused",
    `expected a way for "${actor}" from "${machine}@${from}" to ${to}, found: ${words.join("; ")}${more > 0 ? `; and ${more} more` : ""}: the actor stays as it is; mend \`migrate\` of ${to}, and ask \`check\``,
    { actor, machine, from, to, troubles: shown },
  );
}
