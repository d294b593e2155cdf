/** A number with its noun: `1 agent`, `3 agents`. Pure. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}
