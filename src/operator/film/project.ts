import type { ParticipantContext } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { chartOf } from "../../diagram/chart.ts";
import { edgeKey } from "../../diagram/edge-counts.ts";
import { takenEdges } from "../../diagram/taken-edges.ts";
import type { Entry } from "../../journal/store.ts";
import { contextOf, shipped, unreadable } from "../../upgrade/fleet-journal.ts";
import type { FilmStep, Lane } from "./film.ts";

type AnyContext = Partial<UpgradeContext> & Partial<ParticipantContext>;

/** The charts of the machines that this build ships, by name. */
export const shippedCharts = {
  upgrade: chartOf(shipped.upgrade.machine),
  participant: chartOf(shipped.participant.machine),
} as const;

/** The keys of the edges that lead out of a state, or into it anew. */
const leaving = new Set(
  Object.values(shippedCharts).flatMap(({ edges }) =>
    edges.filter(({ leaves }) => leaves).map(edgeKey),
  ),
);

/** One actor's steps, and all that the next one needs. */
export interface Projected {
  readonly tail: Entry | null;
  readonly steps: readonly FilmStep[];
  /** True once the present process has been asked to make way for another version. */
  readonly isLeaving: boolean;
}

export const nothingProjected: Projected = { tail: null, steps: [], isLeaving: false };

function knownContext(entry: Entry | null): AnyContext | null {
  return entry === null || unreadable(entry) ? null : contextOf<AnyContext>(entry);
}

function edgesOfEntry(before: Entry | null, entry: Entry): readonly string[] {
  if (before === null || entry.outcome !== "applied") return [];
  if (unreadable(before) || unreadable(entry)) return [];
  const known = Object.values(shipped).find(({ machine }) => machine.id === entry.machine);
  if (known?.protocol !== entry.protocol) return [];
  return takenEdges(known.machine, before.snapshot, entry.event);
}

/** The reason that an entry brought, or null. */
function reasonIn(before: Entry | null, entry: Entry): Reason | null {
  if (entry.reason !== undefined) return entry.reason;
  const [earlier, now] = [knownContext(before), knownContext(entry)];
  const reasons = (context: AnyContext | null) => [
    context?.blockedReason ?? null,
    context?.reason ?? null,
  ];
  const known = reasons(earlier).map((reason) => JSON.stringify(reason));
  const brought = reasons(now).find(
    (reason, index) => reason !== null && JSON.stringify(reason) !== known[index],
  );
  return brought ?? null;
}

function aboutOf(event: Entry["event"]): string | null {
  const { agent, effect, version, why } = event as Readonly<Record<string, unknown>>;
  const [about] = [agent, effect, version, why].filter((each) => typeof each === "string");
  return (about as string | undefined) ?? null;
}

function changeOf(projected: Projected, entry: Entry): FilmStep["change"] {
  const { tail, isLeaving } = projected;
  if (tail === null || entry.epoch <= tail.epoch) return null;
  if (entry.owner.kind === "role") return "took-over";
  return isLeaving ? "restarted" : "died";
}

/** An actor's steps with those of further entries, which follow the tail. Pure. */
export function projected(known: Projected, entries: readonly Entry[]): Projected {
  let { tail, isLeaving } = known;
  const steps = [...known.steps];
  for (const entry of entries) {
    const edges = edgesOfEntry(tail, entry);
    const change = changeOf({ tail, steps, isLeaving }, entry);
    steps.push({
      revision: entry.revision,
      at: Math.max(steps.at(-1)?.at ?? 0, entry.at),
      event: entry.event.type,
      about: aboutOf(entry.event),
      outcome: entry.outcome,
      state: entry.state,
      enters: tail?.state !== entry.state || edges.some((key) => leaving.has(key)),
      edges,
      ...{ epoch: entry.epoch, by: entry.by ?? null, version: entry.build ?? null },
      deadlines: entry.timers.map(({ name, dueAt }) => ({ name, dueAt })),
      reason: reasonIn(tail, entry),
      change,
    });
    // The context forgets it where the fleet turns back before the process has left.
    const before = entry.event.type === "started" ? false : isLeaving;
    isLeaving = before || knownContext(entry)?.leaving === true;
    tail = entry;
  }
  return { tail, steps, isLeaving };
}

/** The lane of an actor. Pure. */
export function laneOf(
  { tail, steps }: Projected & { readonly tail: Entry },
  { required, servedAt }: Pick<Lane, "required" | "servedAt">,
): Lane {
  const context = knownContext(tail);
  const isCoordinator = tail.owner.kind === "role";
  return {
    actor: tail.actor,
    kind: isCoordinator ? "coordinator" : "participant",
    agent: tail.owner.kind === "pinned" ? tail.owner.agent : null,
    role: isCoordinator ? null : (context?.role ?? null),
    ...{ required, machine: tail.machine, steps, servedAt },
    trouble: unreadable(tail)?.message ?? null,
  };
}
