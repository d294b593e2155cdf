import type { Film } from "../operator/film/film.ts";
import { type FilmGrowth, growthBetween, withGrowth } from "./film-growth.ts";
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
  /** The growth of the film, or null where it has not grown. */
  readonly film: FilmGrowth | "gone" | null;
}

const isSame = (left: unknown, right: unknown) =>
  left === right || JSON.stringify(left) === JSON.stringify(right);

function filmChange(before: Film | null, after: Film | null): Frame["film"] {
  if (after !== null) return growthBetween(before, after);
  return before === null ? null : "gone";
}

/** The frame that makes one view of another, or null where they are equal. Pure. */
export function frameBetween(
  before: WholeView | null,
  after: WholeView,
  now: number,
): Frame | null {
  const { agents, film: filmNow, ...parts } = after;
  const film = filmChange(before?.film ?? null, filmNow);
  if (before === null) {
    return { whole: true, now, parts, agents: Object.values(agents), gone: [], film };
  }
  const changed = Object.entries(parts).filter(
    ([name, part]) => !isSame(part, before[name as keyof FleetView]),
  );
  const news = Object.values(agents).filter((agent) => !isSame(agent, before.agents[agent.agent]));
  const gone = Object.keys(before.agents).filter((name) => !Object.hasOwn(agents, name));
  if (changed.length + news.length + gone.length === 0 && film === null) return null;
  return { whole: false, now, parts: Object.fromEntries(changed), agents: news, gone, film };
}

function agentsAfter(known: WholeView["agents"], frame: Frame): WholeView["agents"] {
  if (!frame.whole && frame.agents.length + frame.gone.length === 0) return known;
  const gone = new Set(frame.gone);
  const kept = frame.whole ? [] : Object.entries(known).filter(([name]) => !gone.has(name));
  const news = frame.agents.map((agent) => [agent.agent, agent] as const);
  return Object.fromEntries([...kept, ...news]);
}

function filmAfter(known: Film | null, change: Frame["film"]): Film | null | undefined {
  if (change === null) return known;
  return change === "gone" ? null : withGrowth(known, change);
}

/**
 * The view after a frame. Pure.
 * @returns undefined where the frame does not follow the view: the reader needs a whole one
 */
export function withFrame(before: WholeView, frame: Frame): WholeView | undefined {
  const agents = agentsAfter(before.agents, frame);
  const known = frame.whole ? null : before.film;
  const film = filmAfter(known, frame.film);
  return film === undefined ? undefined : { ...before, ...frame.parts, agents, film };
}
