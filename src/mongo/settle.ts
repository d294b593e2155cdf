import { limits } from "../limits.ts";

/**
 * Brings what is held back to what is written down. Whoever acts looks again after it: so the last one is right, be it
 * who holds or who lets go.
 */
export async function settle(
  isHeld: () => Promise<boolean>,
  hold: (held: boolean) => Promise<unknown>,
): Promise<void> {
  for (let look = 0; look < limits.holdLooksMax; look += 1) {
    const held = await isHeld();
    await hold(held);
    if ((await isHeld()) === held) return;
  }
}
