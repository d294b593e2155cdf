import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { type AgentRecord, isSilent } from "../../control/agents.ts";
import { generationOf, participantId } from "../../control/ids.ts";
import { collections, type Entry, type Store } from "../../journal/store.ts";
import type { Opening } from "../../upgrade/participant/gate/openings.ts";

/** A required agent that has not served since the end of an upgrade, and why. */
export interface NotServing {
  readonly agent: string;
  readonly why: string;
}

/** The time in which not every required agent served. Both moments are by the database's clock. */
export interface Downtime {
  /** Milliseconds since 1970 at which the first agent began to shut its gate; null before that. */
  readonly from: number | null;
  /** Milliseconds since 1970 at which the last required agent served again, or null where that is not known, or has not come yet. */
  readonly until: number | null;
}

/** The facts of a downtime. */
interface Facts {
  readonly state: string;
  readonly required: UpgradeContext["required"];
  /** The moment at which each participant began. */
  readonly begun: readonly number[];
  readonly openings: readonly Opening[];
}

/** The states at whose end the agents open their gates again. */
const ends = ["done", "rolled-back"];

/** The downtime of an upgrade. Pure. */
export function downtimeOf({ state, required, begun, openings }: Facts): Downtime {
  const times = required.flatMap(
    ({ agent }) => openings.find((opening) => opening.agent === agent)?.at ?? [],
  );
  const isOver = ends.includes(state) && times.length === required.length && times.length > 0;
  return {
    from: begun.length === 0 ? null : Math.min(...begun),
    until: isOver ? Math.max(...times) : null,
  };
}

function whyNot(record: AgentRecord | undefined, version: string, now: number): string {
  if (record === undefined) return "it has no record";
  if (isSilent(record, now)) return "it is silent";
  const why = record.blocked ?? record.notServing ?? null;
  if (why !== null) return why;
  if (record.version !== version) return `it runs ${record.version}`;
  return record.gate === "open" ? "its onOpen has not ended" : "its gate is shut";
}

/** The required agents that have not served since the end of an upgrade. Pure. */
export function notServingOf(
  { state, required, openings }: Omit<Facts, "begun">,
  version: string,
  records: readonly AgentRecord[],
  now: number,
): readonly NotServing[] {
  if (!ends.includes(state)) return [];
  return required
    .filter(({ agent }) => openings.every((opening) => opening.agent !== agent))
    .map(({ agent }) => {
      const record = records.find((candidate) => candidate.agent === agent);
      return { agent, why: whyNot(record, version, now) };
    });
}

/** Reads the facts of an upgrade's downtime. */
export async function readDowntimeFacts(
  store: Store,
  { state }: Entry,
  { upgradeId, required }: UpgradeContext,
): Promise<Facts> {
  const first = await store.entriesAt(
    required.map(({ agent }) => ({ actor: participantId(agent, upgradeId), revision: 0 })),
  );
  // The end of a roll-back makes a generation of its own.
  const generation = generationOf(upgradeId) + (state === "rolled-back" ? 1 : 0);
  const openings = ends.includes(state)
    ? await store.list(collections.openings, { generation })
    : [];
  return {
    ...{ state, required },
    begun: first.map(({ at }) => at),
    openings: openings as unknown as readonly Opening[],
  };
}
