import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Reason, SavedWrites } from "../../machines/vocabulary.ts";
import { coordinatorPrefix, upgradeOfCoordinator } from "../control/ids.ts";
import { reasonOf } from "../errors.ts";
import { headsUpTo, type Visit, visitsOf } from "../fleet-engine/read/read.ts";
import type { Store } from "../journal/store.ts";
import { contextOf, isFinal, unreadable } from "../upgrade/fleet-journal.ts";
import { type CopiesMade, copiesMade } from "../upgrade/protocol/copies/copies-made.ts";
import { type Downtime, downtimeOf, readDowntimeFacts } from "./upgrade-facts/downtime.ts";
import { earlyWritesOf } from "./upgrade-facts/early-writes.ts";

/** One stay of an upgrade in a state. */
export interface StateTime extends Visit {
  /** The time that it lasted; null for the state that it is in. */
  readonly lastedMs: number | null;
}

/** The time in each state, in order. Pure. */
function stateTimes(visits: readonly Visit[]): readonly StateTime[] {
  return visits.map((visit, index) => {
    const next = visits[index + 1];
    return { ...visit, lastedMs: next === undefined ? null : next.at - visit.at };
  });
}

/** One upgrade of the fleet. */
export interface HistoryItem {
  readonly upgradeId: string;
  readonly from: string;
  readonly to: string;
  readonly restoreOf: string | null;
  readonly state: string;
  /** Milliseconds since 1970, by the database's clock. */
  readonly startedAt: number;
  /** Milliseconds since 1970, by the database's clock, or null before its end. */
  readonly endedAt: number | null;
  readonly epochs: readonly number[];
  readonly reason: Reason | null;
  readonly states: readonly StateTime[];
  /** The writes of others that were saved and taken back, or null. */
  readonly saved: SavedWrites | null;
  /** The changes since the acceptance that no copy precedes, in words: a way back keeps them. Empty once it is `done`. */
  readonly earlyWrites: readonly string[];
  /** The copies of the state servers, or null where none was asked for. */
  readonly copies: CopiesMade | null;
  /** The time in which not every required agent served. */
  readonly downtime: Downtime;
}

/** All upgrades of the fleet, in order. */
export async function readHistory(store: Store): Promise<readonly HistoryItem[]> {
  const tails = await store.tails(coordinatorPrefix);
  return Promise.all(
    tails.map(async (tail) => {
      const heads = await headsUpTo(store, tail);
      const error = unreadable(tail);
      const context = error ? null : contextOf<UpgradeContext>(tail);
      return {
        upgradeId: upgradeOfCoordinator(tail.actor),
        from: context?.from ?? "unknown",
        to: context?.to ?? "unknown",
        restoreOf: context?.restoreOf?.backupId ?? null,
        state: String(tail.state),
        startedAt: heads[0]?.at ?? tail.at,
        endedAt: isFinal(tail) ? tail.at : null,
        epochs: [...new Set(heads.map(({ epoch }) => epoch))],
        reason: error ? reasonOf(error) : (context?.reason ?? null),
        states: stateTimes(visitsOf(heads)),
        copies: context && copiesMade(context),
        saved: context?.saved ?? null,
        earlyWrites: context ? earlyWritesOf(tail.state, context) : [],
        downtime: context
          ? downtimeOf(await readDowntimeFacts(store, tail, context))
          : { from: null, until: null },
      };
    }),
  );
}
