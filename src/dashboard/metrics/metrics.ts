import { isLockstepError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Log, redactUrl, sayOnce } from "../../log.ts";
import type { FleetClient } from "../../operator/fleet-client.ts";
import { type Clock, inTime } from "../../ports/clock.ts";
import { putEngine, putUpgrades } from "./figure-samples.ts";
import { putFleet } from "./fleet-samples.ts";
import { Sheet } from "./sheet.ts";

/** The means of the metrics. */
export interface MetricsPorts {
  readonly fleet: Pick<FleetClient, "status" | "figures">;
  readonly clock: Clock;
  readonly log: Log;
}

/** An answer to Prometheus. */
export interface MetricsAnswer {
  readonly type: string;
  readonly text: string;
}

/**
 * Answers scrapes. Those that come while the fleet is read share one reading. Where the database does not answer in
 * time, the answer says so, and has no other metric: an old value would look like a present one.
 */
export function createMetrics({ fleet, clock, log }: MetricsPorts): () => Promise<MetricsAnswer> {
  let reading: Promise<Sheet> | null = null;
  const isNew = sayOnce();
  const warn = (about: string, message: string) => {
    const error = redactUrl(message);
    if (isNew(error)) log.warn({ about, error }, "metrics are missing");
  };
  const read = async (): Promise<Sheet> => {
    const sheet = new Sheet();
    try {
      const trouble = await readInto(sheet, fleet);
      if (trouble !== null) warn("engine", trouble);
      return sheet;
    } catch (error) {
      warn("fleet", messageOf(error));
      return silent();
    }
  };
  return async () => {
    reading ??= read().finally(() => {
      reading = null;
    });
    const sheet = await inTime(reading, limits.metricsWaitMs, clock);
    return (sheet ?? silent()).text();
  };
}

function silent(): Sheet {
  const sheet = new Sheet();
  sheet.put("database_up", 0);
  return sheet;
}

/** Gives the trouble with the engine, or null. */
async function readInto(sheet: Sheet, fleet: MetricsPorts["fleet"]): Promise<string | null> {
  // A database may have an engine without a fleet.
  const status = await fleet.status().catch((error: unknown) => {
    if (isLockstepError(error, "no-version")) return null;
    throw error;
  });
  const { upgrades, engine } = await fleet.figures();
  sheet.put("database_up", 1);
  if (status !== null) {
    putFleet(sheet, status);
    putUpgrades(sheet, upgrades);
  }
  if (engine === null) return null;
  const isRead = !("trouble" in engine);
  sheet.put("engine_up", isRead ? 1 : 0);
  if (!isRead) return engine.trouble;
  putEngine(sheet, engine);
  return null;
}
