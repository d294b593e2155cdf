/** Calls back once all that runs now has run. It is the real one: a test may replace it in its process by one of its own. */
export const soon: (act: () => void) => void = queueMicrotask;
