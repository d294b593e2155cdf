import type { BackupPoint } from "../../../../machines/vocabulary.ts";
import { isLockstepError, isPassing, LockstepError, reasonOf } from "../../../errors.ts";
import type { EffectContext } from "../../../fleet-engine/engine.ts";
import { requireRecord } from "../../../journal/broken-record.ts";
import { fenceOf } from "../../../journal/fence.ts";
import { collections, documentIds } from "../../../journal/store.ts";
import { limits } from "../../../limits.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { Acting } from "../../database/upgrade-database.ts";
import { isHolder } from "../../protocol/data-decisions.ts";

/**
 * The proof of being master at the epoch of an effect.
 * @throws LockstepError `lease-lost`
 */
export function actingOf(world: AgentWorld, context: EffectContext): Acting {
  const mastership = world.mastership(context.epoch);
  if (!mastership) throw new LockstepError("lease-lost", "this agent is not master any more");
  return { effect: context.id, actor: context.actor, mastership, signal: context.signal };
}

/** Turns expected failures of an effect into its typed failure event. */
export async function attempt<Event, Type extends string>(
  type: Type,
  { signal }: Pick<EffectContext, "signal">,
  act: () => Promise<Event>,
): Promise<Event | { type: Type; reason: ReturnType<typeof reasonOf> }> {
  try {
    return await act();
  } catch (error) {
    if (signal.aborted || !isLockstepError(error) || isPassing(error)) throw error;
    return { type, reason: reasonOf(error) };
  }
}

/**
 * The writes from outside since the time T, as the oplog names them: up to ten, for a message and for programs. It is
 * empty where the oplog names none, as for a definition or a time series.
 */
export async function foreignWritesSince(
  { database }: Pick<AgentWorld, "database">,
  acting: Acting,
  { time }: Pick<BackupPoint, "time">,
): Promise<{ readonly message: string | null; readonly writes: unknown; readonly count: unknown }> {
  try {
    await database.refuseForeignWrites(acting, time);
    return { message: null, writes: [], count: 0 };
  } catch (error) {
    if (!isLockstepError(error, "foreign-writes")) throw error;
    const { writes = [], count = 0 } = error.details;
    return { message: error.message, writes, count };
  }
}

/** True once a schema step of this upgrade has begun on the live data: the fence says so first. */
export async function hasBegun(
  { store }: Pick<AgentWorld, "store">,
  upgradeId: string,
): Promise<boolean> {
  const fence = await fenceOf(store);
  // A record that is gone or broken must not be taken for live data that nobody has changed.
  requireRecord(collections.fences, documentIds.master, fence);
  return fence?.progress?.upgradeId === upgradeId;
}

/**
 * A master that holds no copy acts on one only while all holders are silent. It gives them time to come back, and
 * itself to give the mastership up, before it looks whether an operator has put a copy here.
 */
export async function untilHoldersHadTime(
  world: AgentWorld,
  { holders }: { readonly holders: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  if (isHolder(world.agent, holders)) return;
  await world.clock.sleep(2 * limits.heartbeatStaleMs, signal);
  signal.throwIfAborted();
}
