import { limits } from "../limits.ts";

/**
 * Applies what the record says, and looks again afterwards. So the last process to act is right, whether it holds or
 * releases.
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
