import { counted } from "../../counted.ts";
import type { Visit } from "../../fleet-engine/read/read.ts";
import type { ExplainFacts } from "./facts.ts";

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

/** The number of times that one state was entered from another. */
function turns(visits: readonly Visit[], from: string, to: string): number {
  return visits.filter(({ state }, index) => state === to && visits[index - 1]?.state === from)
    .length;
}

/** The work that was done for an upgrade, and how often. Pure. */
export function triedForUpgrade({ status, context, visits }: ExplainFacts): readonly string[] {
  const { upgrade } = status;
  if (upgrade === null) return [];
  const masters = new Set(visits.map(({ epoch }) => epoch)).size;
  const paused = turns(visits, "migrating", "paused");
  const retried = turns(visits, "blocked", "rolling-back");
  const states = visits.map(({ state }) => state).join(" → ");
  const rehearsed = (context?.rehearsed.length ?? 0) > 0;
  const { copies, batches } = upgrade;
  return [
    ...(states === "" ? [] : [`it went through ${states}`]),
    ...(masters > 1 ? [`${masters} masters have led it, one after the other`] : []),
    ...(copies === null ? [] : [`${copies.made} of ${copies.of} copies were made`]),
    ...(context && context.momentsGone > 0
      ? [`the copies were begun again ${times(context.momentsGone)}`]
      : []),
    ...(rehearsed ? ["the steps passed their rehearsal on a copy"] : []),
    ...(batches > 0 ? [`committed of the migration: ${counted(batches, "batch", "batches")}`] : []),
    ...(paused > 0 ? [`an operator has paused it ${times(paused)}`] : []),
    ...(retried > 0 ? [`an operator has let it try again ${times(retried)}`] : []),
    ...(context?.touched && context.restored ? ["the data was put back"] : []),
    ...(context && context.undone.length > 0
      ? [`these agents have gone back: ${context.undone.join(", ")}`]
      : []),
    ...(context && context.debtors.length > 0
      ? [
          `the fleet went on without ${context.debtors.join(", ")}: each of these goes back when it returns`,
        ]
      : []),
  ];
}

/** The work that one agent has done. Pure. */
export function triedByAgent({ status, parts }: ExplainFacts, agent: string): readonly string[] {
  const record = status.agents.find((each) => each.agent === agent);
  const part = parts.find((each) => each.agent === agent);
  const states = part?.visits.map(({ state }) => state).join(" → ") ?? "";
  return [
    ...(record === undefined ? [] : [`its process was started ${times(record.incarnation)}`]),
    ...(states === "" ? [] : [`in ${status.upgrade?.upgradeId} it went through ${states}`]),
  ];
}
