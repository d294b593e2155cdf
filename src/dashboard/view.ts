import { limits } from "../limits.ts";
import { type Condition, conditionsOf } from "../operator/conditions.ts";
import type { Explanation } from "../operator/explanation/explain.ts";
import type { Film } from "../operator/film/film.ts";
import type { HistoryItem } from "../operator/history.ts";
import type { FleetStatus } from "../operator/status.ts";
import { type Answers, answersOf } from "./http/answers.ts";

/** An agent as a tile shows it. */
export interface AgentTile extends Omit<FleetStatus["agents"][number], "lastSeenAt"> {
  readonly condition: Condition;
  /** Its last heartbeat, or null where the fleet is so large that each heartbeat of each agent would be too much. */
  readonly lastSeenAt: number | null;
}

/** All that the page shows of a fleet, in parts that change by themselves. */
export interface FleetView {
  readonly fleet: {
    readonly name: string;
    readonly database: string;
    /** The database of the engine whose actors are shown beside the fleet, or null. */
    readonly engine: string | null;
  };
  readonly versions: FleetStatus["versions"] | null;
  readonly master: FleetStatus["master"];
  readonly upgrade: FleetStatus["upgrade"];
  readonly condition: Condition | null;
  readonly answers: Answers;
  readonly history: readonly HistoryItem[];
  /** Why the upgrade is in trouble, in the words of `lockstep explain`, or null where it is not. */
  readonly explanation: Explanation | null;
  /** Why the fleet cannot be read, or null. */
  readonly trouble: { readonly code: string; readonly message: string } | null;
}

/** A view with its agents, by name. */
export interface WholeView extends FleetView {
  readonly agents: Readonly<Record<string, AgentTile>>;
  /** The latest upgrade over time, or null where there is none or the fleet is too large for that. */
  readonly film: Film | null;
}

/** All that is read beside the status. */
export type Readings = Pick<WholeView, "history" | "film" | "explanation">;

/** A view before the first reading. */
export function emptyView(fleet: FleetView["fleet"]): WholeView {
  return {
    fleet,
    ...{ versions: null, master: null, upgrade: null, history: [], trouble: null },
    ...{ condition: null, explanation: null, answers: answersOf(null) },
    ...{ agents: {}, film: null },
  };
}

/** The view of a status. Pure. */
export function viewOf(
  fleet: FleetView["fleet"],
  status: FleetStatus,
  { history = [], film = null, explanation = null }: Partial<Readings> = {},
): WholeView {
  const { versions, master, upgrade, agents } = status;
  const conditions = conditionsOf(status);
  const isLarge = agents.length > limits.dashboardHeartbeatsMax;
  const tiles = agents.map((agent, index): AgentTile => {
    const { agent: _, ...condition } = conditions.agents[index] as Condition & { agent: string };
    return { ...agent, condition, lastSeenAt: isLarge && !agent.silent ? null : agent.lastSeenAt };
  });
  return {
    ...{ fleet, versions, master, upgrade, history, trouble: null },
    ...{ explanation, condition: conditions.upgrade, answers: answersOf(status) },
    agents: Object.fromEntries(tiles.map((tile) => [tile.agent, tile])),
    film,
  };
}
