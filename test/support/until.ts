import { setTimeout as wait } from "node:timers/promises";

/** Polls until the probe answers with something truthy, and fails with the description if it never does. */
export async function until<Result>(
  description: string,
  probe: () => Promise<Result> | Result,
  timeoutMs = 120_000,
  intervalMs = 25,
): Promise<Exclude<NonNullable<Result>, false>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const result = await probe();
    if (result) return result as Exclude<NonNullable<Result>, false>;
    if (performance.now() > end)
      throw new Error(`waited ${timeoutMs} ms in vain for: ${description}`);
    await wait(intervalMs);
  }
}
