import type { FleetStatus } from "../src/index.ts";

/** How long nothing may change while the story waits. A busy machine is slow, but something goes on. */
export const quietMsMax = 60_000;

/** How long one wait may last in all. A fleet that only restarts changes for ever. */
export const waitMsMax = 20 * 60_000;

/** A wait for the fleet, bounded by the time since the last change in it. */
export interface Patience {
  /** Notes the fleet as it is now, or null where it cannot be read. */
  see(status: FleetStatus | null): void;
  /** @throws Error in one sentence, once nothing has changed for too long, or the whole wait took too long */
  requireProgress(what: string): void;
}

/** All that moves in a fleet while it works, without its clocks. Pure. */
function movingParts({ master, upgrade, agents }: FleetStatus): string {
  const { state, waitingFor, batches, progress, restoring, copies, notServing } = upgrade ?? {};
  const gates = agents.map(({ agent, version, incarnation, gate }) => [
    ...[agent, version, incarnation, gate],
  ]);
  const work = { state, waitingFor, batches, progress, restoring, copies, notServing };
  return JSON.stringify([master?.agent, master?.epoch, master?.live, work, gates]);
}

function whereItStands(status: FleetStatus | null): string {
  if (status === null) return "the fleet could not be read";
  const { upgrade } = status;
  if (upgrade === null) return "no upgrade has begun";
  const waits = upgrade.waitingFor.length > 0 ? `, waits for ${upgrade.waitingFor.join(", ")}` : "";
  return `${upgrade.from} → ${upgrade.to} is in ${upgrade.state}${waits}`;
}

export function createPatience(monotonicMs: () => number): Patience {
  const startMs = monotonicMs();
  let [seen, changedMs] = ["", startMs];
  let last: FleetStatus | null = null;
  return {
    see(status) {
      last = status;
      const now = status === null ? seen : movingParts(status);
      if (now !== seen) [seen, changedMs] = [now, monotonicMs()];
    },
    requireProgress(what) {
      const isQuiet = monotonicMs() - changedMs > quietMsMax;
      if (!isQuiet && monotonicMs() - startMs <= waitMsMax) return;
      const why = isQuiet
        ? `nothing has changed in the fleet for ${quietMsMax / 1_000} s`
        : `it did not come in ${waitMsMax / 60_000} minutes`;
      throw new Error(`waited in vain for ${what}: ${why} (${whereItStands(last)})`);
    },
  };
}
