/** One run of a benchmark: ours and what it is held against, in the same unit. */
export interface Run {
  readonly value: number;
  readonly against: number;
}

export interface Figure extends Run {
  readonly name: string;
  readonly unit: string;
  readonly ratio: number;
  readonly runs: readonly Run[];
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The medians of several runs, as one figure. Pure. */
export function figureOf(name: string, unit: string, runs: readonly Run[]): Figure {
  const value = median(runs.map((run) => run.value));
  const against = median(runs.map((run) => run.against));
  return { name, value, unit, against, ratio: value / against, runs };
}
