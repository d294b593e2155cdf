import { killInTheMiddle } from "../demo/kill-in-the-middle.ts";
import { database, startWorld } from "../demo/world.ts";
import { systemClock } from "../src/ports/clock.ts";
import type { Run } from "./figures.ts";

/**
 * From kill -9 of primary and master together to the next durable batch by another state server,
 * against the driver's own write over the same failover.
 */
export async function takeover(): Promise<Run> {
  const world = await startWorld();
  try {
    await world.until("everybody serving", ({ agents }) => {
      return agents.length === 3 && agents.every(({ gate }) => gate === "open");
    });
    await world.fleet.upgrade("1.1.0");
    let against = 0;
    const value = await killInTheMiddle(world, async () => {
      const startMs = systemClock.monotonicMs();
      const writes = world.client.db(`${database}_bench`).collection("writes");
      const write = () => writes.insertOne({}, { writeConcern: { w: "majority" } });
      // The driver lets a socket that breaks as it is written to through as it is: once more, then.
      await write().catch(write);
      against = systemClock.monotonicMs() - startMs;
    });
    return { value, against };
  } finally {
    await world.end();
  }
}
