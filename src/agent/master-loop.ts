import type { Mastership } from "../leadership/mastership.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { linkController } from "../ports/waiting/linked-controller.ts";
import { createWakeUp } from "../ports/waiting/wake-up.ts";
import { driveCoordinator } from "../upgrade/coordinator/drive-coordinator.ts";
import type { MasterWorld } from "../upgrade/coordinator/requests/master-world.ts";
import { serveInbox } from "../upgrade/coordinator/requests/serve-requests.ts";
import type { SlotReader } from "./slot-reader.ts";

/** The process around the loop of its mastership. */
interface MasterProcess {
  readonly world: MasterWorld;
  readonly clock: Clock;
  readonly slot: SlotReader;
  /** Aborts when the process stops. */
  readonly stopping: AbortSignal;
  /** Runs one pass. Its failure is reported, and the next pass tries again. */
  pass(name: string, act: () => Promise<void>): Promise<void>;
  /** Gives the lease up. */
  release(): Promise<void>;
}

/** Serves requests and drives the upgrade until the mastership or the process ends. */
export async function runMasterLoop(
  { signal }: Mastership,
  { world, clock, slot, stopping, pass, release }: MasterProcess,
): Promise<void> {
  let passedOver = 0;
  const wakeUp = createWakeUp(clock);
  const unsubscribe = world.store.watch(() => wakeUp.hint());
  const { controller, unlink } = linkController([signal, stopping]);
  while (!controller.signal.aborted) {
    await pass("inbox", async () => {
      const served = await serveInbox(world, passedOver);
      passedOver = served.passedOver;
      // The upgrade has its turn between two passes, so that no number of requests delays it.
      if (served.isMore) wakeUp.hint();
    });
    await pass("master", async () => {
      const { activeUpgrade, mayLead } = await slot.read();
      // A master that may not lead the upgrade in its present state gives the lease up.
      if (!mayLead) await release();
      else if (activeUpgrade) await driveCoordinator(world, activeUpgrade);
    });
    await wakeUp.wait(limits.masterPollMs, controller.signal);
  }
  unlink();
  unsubscribe();
}
