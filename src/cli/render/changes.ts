import { conditionsOf } from "../../operator/conditions.ts";
import type { FleetStatus } from "../../operator/status.ts";

/** The conditions of all agents in words, by their names. */
function words(status: FleetStatus | undefined): ReadonlyMap<string, string> {
  const conditions = status === undefined ? [] : conditionsOf(status).agents;
  return new Map(
    conditions.map(({ agent, word, what }) => [
      agent,
      word === "active" ? word : `${word}: ${what}`,
    ]),
  );
}

/** A line for each agent whose condition is another one than before, and for each that is gone. Pure. */
export function agentChanges(
  before: FleetStatus | undefined,
  after: FleetStatus,
): readonly string[] {
  const [earlier, present] = [words(before), words(after)];
  const changed = [...present].filter(([agent, text]) => earlier.get(agent) !== text);
  const gone = [...earlier.keys()].filter((agent) => !present.has(agent));
  return [
    ...changed.map(([agent, text]) => `  ${agent}  ${text}`),
    ...gone.map((agent) => `  ${agent}  forgotten`),
  ];
}
