/** One turn of the process: every promise that can go on has gone on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
