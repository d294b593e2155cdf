import type { AgentTile } from "../../view.ts";

const byName = new Intl.Collator("en", { numeric: true });
const order = ["blocked", "waiting", "working", "active"];

/** The agents that are shown of a large fleet: those in trouble first. */
export interface AgentsShown {
  readonly shown: readonly AgentTile[];
  readonly hidden: number;
  /** How many agents are in each condition and on each version. */
  readonly conditions: readonly (readonly [string, number])[];
  readonly versions: readonly (readonly [string, number])[];
}

function counted(words: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].toSorted(([left], [right]) => left.localeCompare(right, "en"));
}

/** The agents that match a search, as far as the page shows them. Pure. */
export function agentsShown(
  agents: readonly AgentTile[],
  search: string,
  shownMax: number,
): AgentsShown {
  const wanted = search.trim().toLowerCase();
  const matching = agents.filter((agent) => {
    const words = [
      agent.agent,
      agent.version,
      agent.host,
      agent.condition.word,
      agent.condition.what,
    ];
    return words.some((word) => word.toLowerCase().includes(wanted));
  });
  const rank = (agent: AgentTile) => order.indexOf(agent.condition.word);
  const isLarge = matching.length > shownMax;
  const sorted = matching.toSorted(
    (left, right) =>
      (isLarge ? rank(left) - rank(right) : 0) || byName.compare(left.agent, right.agent),
  );
  return {
    shown: sorted.slice(0, shownMax),
    hidden: Math.max(0, sorted.length - shownMax),
    conditions: counted(agents.map(({ condition }) => condition.word)),
    versions: counted(agents.map(({ version }) => version)),
  };
}
