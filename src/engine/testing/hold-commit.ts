import type { MemorySession } from "../journal/memory-store.ts";
import type { EngineStore } from "../journal/store.ts";

/**
 * Runs a transaction in memory up to its commit. Resolves once it stands there, with the call that commits it.
 * @throws what the act throws
 */
export async function holdCommit(
  store: Pick<EngineStore<MemorySession>, "transact">,
  act: (session: MemorySession) => Promise<unknown>,
): Promise<() => Promise<unknown>> {
  let reach = () => {};
  let commit = () => {};
  const atCommit = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const mayCommit = new Promise<void>((resolve) => {
    commit = resolve;
  });
  const whole = store.transact(async (session) => {
    const result = await act(session);
    reach();
    await mayCommit;
    return result;
  });
  await Promise.race([atCommit, whole]);
  return () => {
    commit();
    return whole;
  };
}
