import { setTimeout as wait } from "node:timers/promises";
import { tripOf } from "../faults/trip.ts";
import type { Sender } from "./chaos-world.ts";

/** A reader of one actor's transitions, from its start on. */
export interface Watcher {
  readonly id: string;
  /** Gaps and repetitions that it has seen. */
  readonly troubles: readonly string[];
  /** The last revision that it has seen, or -1. */
  readonly revision: () => number;
  stop(): Promise<void>;
}

/** Watches an actor, again after each trouble of the connection: behind the last revision that it has seen. */
export function watchTrip({ engine }: Sender, id: string): Watcher {
  const machine = tripOf("2.0.0");
  const troubles: string[] = [];
  const stopping = new AbortController();
  const { signal } = stopping;
  let revision = -1;
  const follow = async () => {
    const after = revision < 0 ? {} : { after: revision };
    for await (const change of engine.watch(machine, id, { ...after, signal })) {
      if (change.revision !== revision + 1) {
        troubles.push(`${id}: a watch went from ${revision} to ${change.revision}`);
      }
      revision = change.revision;
    }
  };
  const run = async () => {
    while (!signal.aborted) {
      await follow().catch(() => {});
      if (!signal.aborted) await wait(100);
    }
  };
  const running = run();
  return {
    ...{ id, troubles, revision: () => revision },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
