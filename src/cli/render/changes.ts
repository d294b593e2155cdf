import { conditionsOf } from "../../operator/conditions.ts";
import type { FleetStatus } from "../../operator/status.ts";
import { type SayWord, sayPlainly } from "./words.ts";

/** The conditions of all agents in words, by their names. */
function words(status: FleetStatus | undefined, sayWord: SayWord): ReadonlyMap<string, string> {
  const conditions = status === undefined ? [] : conditionsOf(status).agents;
  return new Map(
    conditions.map(({ agent, word, what }) => [
      agent,
      word === "active" ? sayWord(word) : `${sayWord(word)}: ${what}`,
    ]),
  );
}

/** A line for each agent whose condition is another one than before, and for each that is gone. Pure. */
export function agentChanges(
  before: FleetStatus | undefined,
  after: FleetStatus,
  sayWord: SayWord = sayPlainly,
): readonly string[] {
  const [earlier, present] = [words(before, sayWord), words(after, sayWord)];
  const changed = [...present].filter(([agent, text]) => earlier.get(agent) !== text);
  const gone = [...earlier.keys()].filter((agent) => !present.has(agent));
  return [
    ...changed.map(([agent, text]) => `  ${agent}  ${text}`),
    ...gone.map((agent) => `  ${agent}  forgotten`),
  ];
}
