/** The real one: a test may replace the timers of its process by a clock of its own. */
const afterThisTurn = setImmediate;

/** One turn of the process: every promise that can go on has gone on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void afterThisTurn(resolve));
}
