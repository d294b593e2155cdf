import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import { readAgents } from "../../control/agents.ts";
import { coordinatorId, generationOf, isUpgradeId, participantId } from "../../control/names.ts";
import { isFinal } from "../../engine/read.ts";
import { LockstepError } from "../../errors.ts";
import { collections, type Entry, type Store } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import { contextOf, isOver, unreadable } from "../../upgrade/fleet-journal.ts";
import type { Film, Lane } from "./film.ts";
import { laneOf, nothingProjected, type Projected, projected, shippedCharts } from "./project.ts";

export { isUpgradeId } from "../../control/names.ts";

type Readable = Pick<Store, "entries" | "list" | "now">;

/** @throws LockstepError `no-upgrade` */
function noSuchUpgrade(upgradeId: string): LockstepError {
  return new LockstepError(
    "no-upgrade",
    `expected the id of an upgrade of this fleet, found "${upgradeId}": \`lockstep history\` lists them`,
    { upgradeId },
  );
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

  async #actor(actor: string): Promise<Projected> {
    const once = limits.filmEntriesOnce;
    for (;;) {
      const known = this.#known.get(actor) ?? nothingProjected;
      // An actor that is over gets no further entry: a reading of many agents asks only for those under way.
      if (known.tail !== null && isOver(known.tail)) return known;
      const next = (known.tail?.revision ?? -1) + 1;
      const entries = await this.#store.entries(actor, next, once);
      if (entries.length === 0) return known;
      const grown = projected(known, entries);
      this.#known.set(actor, grown);
      if (entries.length < once) return grown;
    }
  }

  /** The participants of these agents that have begun, a few at once. */
  async #participants(
    upgradeId: string,
    agents: readonly string[],
  ): Promise<readonly (Projected & { readonly tail: Entry })[]> {
    const found: (Projected & { readonly tail: Entry })[] = [];
    for (let first = 0; first < agents.length; first += limits.filmActorsOnce) {
      const some = agents.slice(first, first + limits.filmActorsOnce);
      const read = await Promise.all(
        some.map((agent) => this.#actor(participantId(agent, upgradeId))),
      );
      for (const { tail, ...rest } of read) if (tail !== null) found.push({ ...rest, tail });
    }
    return found;
  }

  /** When each agent served for the first time after the upgrade's end. */
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
    const { tail, ...coordinator } = await this.#actor(coordinatorId(upgradeId));
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
