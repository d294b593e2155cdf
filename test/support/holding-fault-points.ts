import { type Clock, systemClock } from "../../src/ports/clock.ts";
import type { FaultPoints } from "../../src/ports/fault-point.ts";

/** The clock of a process that is stopped: it renews nothing. */
export const stoppedClock: Clock = { ...systemClock, sleep: () => new Promise(() => {}) };

function latch() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/**
 * A fault points that holds the n-th write of a name until it is released.
 * @param when before the write, or inside it: the server has made it, and its answer is not read yet
 */
export function holdingFaultPoints(
  name: string,
  when: "before" | "inside" = "before",
  at = 1,
): { readonly faultPoints: FaultPoints; readonly reached: Promise<void>; release(): void } {
  const [reached, released] = [latch(), latch()];
  let writes = 0;
  const faultPoints: FaultPoints = {
    async write(write, action) {
      if (write === name) writes += 1;
      if (write !== name || writes !== at) return action();
      const acting = when === "inside" ? [await action()] : [];
      reached.open();
      await released.opened;
      const [result] = acting.length > 0 ? acting : [await action()];
      return result as Awaited<ReturnType<typeof action>>;
    },
  };
  return { faultPoints, reached: reached.opened, release: released.open };
}
