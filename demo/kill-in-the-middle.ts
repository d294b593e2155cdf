import { systemClock } from "../src/ports/clock.ts";
import type { DemoWorld } from "./world.ts";

const batchToKillAt = 20;

/**
 * Kills the mongod primary and the master's process with -9 in the middle of the migration, and
 * brings them back only when another state server has gone on from the last committed batch.
 * @param meanwhile runs from the kill on
 * @returns milliseconds from the kill to the successor's first durable batch
 */
export async function killInTheMiddle(
  world: DemoWorld,
  meanwhile: () => Promise<void> = async () => {},
): Promise<number> {
  const { narrator, servers, set } = world;
  const primary = await set.primary();
  const seen = await world.until(`batch ${batchToKillAt}`, (status) => {
    if (status.upgrade?.final)
      throw new Error(
        `it ended ${status.upgrade.state} too early: ${JSON.stringify(status.upgrade.reason)}`,
      );
    const migrating = status.upgrade?.state === "migrating";
    return migrating && status.upgrade.batches >= batchToKillAt && status;
  });
  const { master } = seen;
  const server = servers.find(({ name }) => name === master?.agent);
  if (!master || !server) throw new Error("expected a master to kill");
  const killedMs = systemClock.monotonicMs();
  await Promise.all([primary.kill(), server.kill()]);
  narrator.bad(
    `kill -9: the primary ${primary.name} and the master ${master.agent}, at batch ${seen.upgrade?.batches}`,
  );
  const beside = meanwhile();
  const after = await world.until("a successor's batch", ({ master: now, upgrade }) => {
    const moved = now && now.epoch > master.epoch && now.agent !== master.agent;
    return (
      moved && upgrade && upgrade.batches > (seen.upgrade?.batches ?? 0) + 1 && { now, upgrade }
    );
  });
  const takeoverMs = systemClock.monotonicMs() - killedMs;
  narrator.good(
    `${after.now.agent} took over in epoch ${after.now.epoch} and goes on at batch ${after.upgrade.batches}, ${(takeoverMs / 1000).toFixed(1)} s after the kill`,
  );
  await beside;
  await primary.restart();
  await server.start();
  narrator.good(`${primary.name} and ${master.agent} are back`);
  return takeoverMs;
}
