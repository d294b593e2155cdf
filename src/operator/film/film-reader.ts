import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { readAgents } from "../../control/agents.ts";
import { coordinatorId, generationOf, isUpgradeId, participantId } from "../../control/ids.ts";
import { LockstepError } from "../../errors.ts";
import { isFinal } from "../../fleet-engine/read/read.ts";
import { collections, type Entry, type Store } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import { contextOf, isOver, unreadable } from "../../upgrade/fleet-journal.ts";
import type { Film, Lane } from "./film.ts";
import { laneOf, nothingProjected, type Projected, projected, shippedCharts } from "./project.ts";

type Readable = Pick<Store, "entries" | "entriesAt" | "list" | "now">;

/** @throws LockstepError `no-upgrade` */
function noSuchUpgrade(upgradeId: string): LockstepError {
  return new LockstepError(
    "no-upgrade",
    `expected the id of an upgrade of this fleet, found "${upgradeId}": \`lockstep history\` lists them`,
    { upgradeId },
  );
}

function byActor(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const found = new Map<string, Entry[]>();
  for (const entry of entries) {
    const own = found.get(entry.actor) ?? [];
    found.set(entry.actor, own);
    own.push(entry);
  }
  return found;
}

/**
 * The entries from a revision on, in order, up to the first gap: a query that the server answers in parts may have missed
 * an entry whose successor it has found. Pure.
 */
function withoutGap(entries: readonly Entry[], from: number): readonly Entry[] {
  const sorted = entries.toSorted((one, other) => one.revision - other.revision);
  const gap = sorted.findIndex(({ revision }, index) => revision !== from + index);
  return gap < 0 ? sorted : sorted.slice(0, gap);
}

/**
 * Reads the films of a fleet's upgrades. What was read once of a journal is not read again, so that the film of a
 * running upgrade can be read after each change.
 */
export class FilmReader {
  readonly #store: Readable;
  readonly #known = new Map<string, Projected>();
  #upgradeId: string | null = null;

  constructor(store: Readable) {
    this.#store = store;
  }

  /** True where the journal of an actor may have more. One that is over gets no further entry. */
  #mayGrow(actor: string): boolean {
    const tail = this.#known.get(actor)?.tail;
    return !tail || !isOver(tail);
  }

  #grow(actor: string, entries: readonly Entry[]): void {
    // Of thousands of agents most have nothing new, and a projection copies all steps.
    if (entries.length === 0) return;
    this.#known.set(actor, projected(this.#known.get(actor) ?? nothingProjected, entries));
  }

  /** The first place of an actor's journal that is not known. */
  #nextOf(actor: string): number {
    return (this.#known.get(actor)?.tail?.revision ?? -1) + 1;
  }

  async #readCoordinator(actor: string): Promise<void> {
    const once = limits.filmEntriesOnce;
    while (this.#mayGrow(actor)) {
      const entries = await this.#store.entries(actor, this.#nextOf(actor), once);
      this.#grow(actor, entries);
      if (entries.length < once) return;
    }
  }

  /**
   * Reads on in the journals of some actors with one query for all of them. An actor that had every entry that was asked
   * for is asked for twice as many: most have none or one, and a first reading finds all.
   */
  async #readParticipants(actors: readonly string[]): Promise<void> {
    let left = actors.filter((actor) => this.#mayGrow(actor));
    for (let once = 1; left.length > 0; once = Math.min(2 * once, limits.filmEntriesOnce)) {
      const places = left.flatMap((actor) =>
        Array.from({ length: once }, (_, index) => {
          return { actor, revision: this.#nextOf(actor) + index };
        }),
      );
      const found = byActor(await this.#store.entriesAt(places));
      left = left.filter((actor) => {
        const entries = withoutGap(found.get(actor) ?? [], this.#nextOf(actor));
        this.#grow(actor, entries);
        return entries.length === once && this.#mayGrow(actor);
      });
    }
  }

  /** The participants of these agents that have begun. */
  async #participants(
    upgradeId: string,
    agents: readonly string[],
  ): Promise<readonly (Projected & { readonly tail: Entry })[]> {
    const actors = agents.map((agent) => participantId(agent, upgradeId));
    for (let first = 0; first < actors.length; first += limits.filmActorsOnce) {
      await this.#readParticipants(actors.slice(first, first + limits.filmActorsOnce));
    }
    return actors.flatMap((actor) => {
      const { tail, ...rest } = this.#known.get(actor) ?? nothingProjected;
      return tail === null ? [] : [{ ...rest, tail }];
    });
  }

  /** The moment at which each agent served for the first time after the upgrade's end. */
  async #served(upgradeId: string, { state }: Entry): Promise<ReadonlyMap<string, number>> {
    if (state !== "done" && state !== "rolled-back") return new Map();
    // The end of a roll-back makes a generation of its own.
    const generation = generationOf(upgradeId) + (state === "rolled-back" ? 1 : 0);
    const openings = await this.#store.list(collections.openings, { generation });
    return new Map(
      openings.flatMap(({ agent, at }) =>
        typeof agent === "string" && typeof at === "number" ? [[agent, at] as const] : [],
      ),
    );
  }

  /**
   * The film of one upgrade so far.
   * @throws LockstepError `no-upgrade`
   */
  async read(upgradeId: string): Promise<Film> {
    if (!isUpgradeId(upgradeId)) throw noSuchUpgrade(upgradeId);
    // One upgrade at a time is kept: a reader that goes through all of them does not hold all of them.
    if (this.#upgradeId !== upgradeId) this.#known.clear();
    this.#upgradeId = upgradeId;
    const leader = coordinatorId(upgradeId);
    await this.#readCoordinator(leader);
    const { tail, ...coordinator } = this.#known.get(leader) ?? nothingProjected;
    if (tail === null) throw noSuchUpgrade(upgradeId);
    const context = unreadable(tail) ? null : contextOf<UpgradeContext>(tail);
    const required = new Set(context?.required.map(({ agent }) => agent) ?? []);
    const registered = (await readAgents(this.#store)).map(({ agent }) => agent);
    const agents = [
      ...new Set([...required, ...(context?.excluded ?? []), ...registered]),
    ].toSorted();
    const served = await this.#served(upgradeId, tail);
    const participants = await this.#participants(upgradeId, agents);
    const lanes: readonly Lane[] = [
      laneOf({ ...coordinator, tail }, { required: true, servedAt: null }),
      ...participants.map((participant) => {
        const { owner } = participant.tail;
        const agent = owner.kind === "pinned" ? owner.agent : "";
        return laneOf(participant, {
          required: required.has(agent),
          servedAt: served.get(agent) ?? null,
        });
      }),
    ];
    return {
      ...{ upgradeId, from: context?.from ?? "unknown", to: context?.to ?? "unknown" },
      restoreOf: context?.restoreOf?.backupId ?? null,
      readAt: await this.#store.now(),
      final: [tail, ...participants.map((participant) => participant.tail)].every(isFinal),
      charts: shippedCharts,
      lanes,
    };
  }
}
