/** Runs `count` calls, at most `atOnce` at the same time. */
export async function inParallel(
  count: number,
  atOnce: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await act(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane));
}

/** So many of something per second of the time that `act` takes. */
export async function perSecond(count: number, act: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await act();
  return count / ((performance.now() - startMs) / 1_000);
}
