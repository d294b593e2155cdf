import type { AgentTile, FleetView, WholeView } from "./view.ts";

/** A message to the page: the parts of the view that have changed. A whole one makes any earlier view void. */
export interface Frame {
  readonly whole: boolean;
  /** Milliseconds by the database's clock. */
  readonly now: number;
  readonly parts: Partial<FleetView>;
  /** Agents that are new or have changed. */
  readonly agents: readonly AgentTile[];
  /** Names of agents that are no longer there. */
  readonly gone: readonly string[];
}

const isSame = (left: unknown, right: unknown) =>
  left === right || JSON.stringify(left) === JSON.stringify(right);

/** The frame that makes one view of another, or null where they are equal. Pure. */
export function frameBetween(
  before: WholeView | null,
  after: WholeView,
  now: number,
): Frame | null {
  const { agents, ...parts } = after;
  if (before === null) {
    return { whole: true, now, parts, agents: Object.values(agents), gone: [] };
  }
  const changed = Object.entries(parts).filter(
    ([name, part]) => !isSame(part, before[name as keyof FleetView]),
  );
  const news = Object.values(agents).filter((agent) => !isSame(agent, before.agents[agent.agent]));
  const gone = Object.keys(before.agents).filter((name) => !Object.hasOwn(agents, name));
  if (changed.length + news.length + gone.length === 0) return null;
  return { whole: false, now, parts: Object.fromEntries(changed), agents: news, gone };
}

/** The view after a frame. Pure. */
export function withFrame(before: WholeView, frame: Frame): WholeView {
  const kept = frame.whole
    ? []
    : Object.entries(before.agents).filter(([name]) => !frame.gone.includes(name));
  const news = frame.agents.map((agent) => [agent.agent, agent] as const);
  return { ...before, ...frame.parts, agents: Object.fromEntries([...kept, ...news]) };
}
