import { collections, type Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { agentRecordOf, holderOf, nameTaken } from "./agents.ts";

/**
 * Waits until no other process holds the name. A process that lives is heard again, and keeps it. One that has died is
 * silent soon.
 * @throws LockstepError `name-taken`
 */
export async function awaitName(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  agent: string,
  directory: string,
): Promise<void> {
  let heardAt: number | undefined;
  for (let look = 0; look < limits.nameLooksMax; look += 1) {
    const known = await store.get(collections.agents, agent);
    const last = known && agentRecordOf(agent, known);
    const holder = holderOf(last, directory, await store.now());
    if (!holder) return;
    heardAt ??= holder.lastSeenAt;
    if (holder.lastSeenAt !== heardAt) throw nameTaken(holder);
    await clock.sleep(limits.nameLookMs);
  }
}
