import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { type ForeignWrite, writesText } from "../../database/isolation/foreign-writes.ts";
import { fields, figure, list, text } from "../../shape.ts";

const nextOfState: Readonly<Record<string, string>> = {
  "backing-up": "a rehearsal on a restored copy; roll-back when the deadline passes",
  rehearsing: "the migration of the live data; roll-back when a step fails or the deadline passes",
  migrating: "the local steps of every agent; roll-back and restore when a step fails",
  paused:
    "the rest of the migration, once an operator runs `lockstep resume`; roll-back and restore when the deadline passes",
  "awaiting-peers": "the commit, once everybody has voted; roll-back and restore at the deadline",
  "rolling-back": "the old version on the old data",
  blocked: "nothing until an operator removes the cause and runs `lockstep retry`",
  done: "nothing: the upgrade is committed",
  "rolled-back": "nothing: the fleet is back",
};

/** The work after `waiting`. Nothing is copied without schema steps, and the first agent that is ready has said whether there are any. */
function afterWaiting({ ready, restoreOf }: UpgradeContext): string {
  const [first] = Object.values(ready);
  if (restoreOf !== null || (first && first.schemaSteps > 0)) return "a backup";
  const votes = "the local steps and votes of every agent";
  return first ? votes : `a backup where a schema step lies between, else ${votes}`;
}

/** The next thing that happens. Pure. */
export function nextOf(state: string, context: UpgradeContext, isSomebodyShut: boolean): string {
  if (state === "waiting") {
    return `${afterWaiting(context)}, once everybody is ready; roll-back when the deadline passes`;
  }
  if (state === "awaiting-peers" && !context.touched) {
    return "the commit, once everybody has voted; roll-back at the deadline";
  }
  if (isSomebodyShut && state === "done") {
    return "each agent that does not serve opens its gate once its cause is mended; the upgrade is committed";
  }
  if (isSomebodyShut && state === "rolled-back") {
    return "each agent that does not serve opens its gate once its cause is mended; the fleet is back";
  }
  return nextOfState[state] ?? "";
}

const writesShape = fields<Found>({
  writes: list(fields<ForeignWrite>({ collection: text, operation: text, id: text })),
  count: figure,
});

interface Found {
  readonly writes: readonly ForeignWrite[];
  readonly count: number;
}

/** The writes from outside that the oplog has named, and the definitions that have changed. */
function differencesIn({ details }: Reason): string {
  const { writes, count, changed } = details;
  const found = { writes, count } as Found;
  const isNamed = writesShape(found, "") === null && found.count > 0;
  const definitions = Array.isArray(changed) ? changed.map(String) : [];
  return [...(isNamed ? [writesText(found.writes, found.count)] : []), ...definitions].join("; ");
}

/** Why the copies of an upgrade are made again, or null where they are not. Pure. */
export function copiedAgain(
  state: string,
  { momentsGone, differed = null }: Pick<UpgradeContext, "momentsGone" | "differed">,
): string | null {
  if (state !== "backing-up" || momentsGone === 0) return null;
  if (differed === null) return "the server can no longer read at the time of the earlier copies";
  const wrote = "somebody outside the fleet wrote after the copies, and before the first batch";
  const what = differencesIn(differed);
  return what === "" ? wrote : `${wrote}: ${what}`;
}
