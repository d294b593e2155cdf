import { isDeepStrictEqual } from "node:util";
import { type AgentRecord, readAgents } from "../control/agents.ts";
import { readVersions } from "../control/versions.ts";
import { assert, LockstepError } from "../errors.ts";
import { fenceOf } from "../journal/fence.ts";
import type { Entry, Store, Versions } from "../journal/store.ts";
import { limits } from "../limits.ts";

/** All of a fleet's control data at one moment. */
export interface FleetFacts {
  readonly versions: Versions | undefined;
  readonly agents: readonly AgentRecord[];
  /** The entries of every actor in order, by the actor's id. */
  readonly journals: Readonly<Record<string, readonly Entry[]>>;
  /** The epoch of the fence, 0 before the first master. */
  readonly fenceEpoch: number;
}

async function readHeads(
  store: Store,
): Promise<Omit<FleetFacts, "journals"> & { tails: readonly Entry[] }> {
  const fence = await fenceOf(store);
  return {
    tails: await store.tails(""),
    versions: await readVersions(store),
    // Heartbeats are left out, so that two readings may differ in them.
    agents: (await readAgents(store)).map((agent) => ({
      ...agent,
      lastSeenAt: 0,
      freeBytes: 0,
      memberTrouble: null,
    })),
    fenceEpoch: fence?.epoch ?? 0,
  };
}

/**
 * Reads until two readings in a row are equal. No value here returns to an earlier one, so the readings held at one
 * moment between them (a double collect, as for atomic snapshots). A journal only grows, so its tail stands for it.
 * @throws LockstepError `timeout` when the fleet moves too fast for that
 */
export async function readFleetFacts(store: Store): Promise<FleetFacts> {
  const journals: Record<string, readonly Entry[]> = {};
  let before = await readHeads(store);
  for (let look = 0; look < limits.factsLooksMax; look += 1) {
    for (const { actor, revision } of before.tails) {
      const known = journals[actor] ?? [];
      const next = (known.at(-1)?.revision ?? -1) + 1;
      if (next > revision) continue;
      journals[actor] = [...known, ...(await store.entries(actor, next))];
    }
    const now = await readHeads(store);
    if (isDeepStrictEqual(before, now)) {
      const { tails, ...facts } = now;
      const isWhole = tails.every(
        ({ actor, revision }) => journals[actor]?.at(-1)?.revision === revision,
      );
      assert(isWhole, "a journal ends with its tail");
      return { ...facts, journals };
    }
    before = now;
  }
  throw new LockstepError(
    "timeout",
    `expected two equal readings of the control data, got none in ${limits.factsLooksMax}: ask again when the fleet changes less`,
  );
}
