/** One run of a benchmark: ours and what it is held against, in the same unit. */
export interface Run {
  readonly value: number;
  readonly against: number;
  /** The parts of both, by name. */
  readonly parts?: Parts;
  readonly partsAgainst?: Parts;
  readonly comparison?: Comparison;
}

/** The terms of a comparison with another product. */
export interface Comparison {
  readonly compared: string;
  /** Versions and settings, by name. */
  readonly settings: Readonly<Record<string, string>>;
  readonly notShown: readonly string[];
}

type Parts = Readonly<Record<string, number>>;

export interface Figure extends Run {
  readonly name: string;
  readonly unit: string;
  readonly ratio: number;
  readonly runs: readonly Run[];
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function mediansOf(all: readonly (Parts | undefined)[]): Parts {
  const given = all.filter((parts) => parts !== undefined);
  const names = Object.keys(given[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, median(given.map((parts) => parts[name] ?? Number.NaN))]),
  );
}

/** The medians of several runs, as one figure. Pure. */
export function figureOf(name: string, unit: string, runs: readonly Run[]): Figure {
  const value = median(runs.map((run) => run.value));
  const against = median(runs.map((run) => run.against));
  const parts = mediansOf(runs.map((run) => run.parts));
  const partsAgainst = mediansOf(runs.map((run) => run.partsAgainst));
  const comparison = runs[0]?.comparison;
  return {
    ...{ name, value, unit, against, ratio: value / against, parts, partsAgainst },
    ...(comparison && { comparison }),
    runs: runs.map(({ comparison: _, ...run }) => run),
  };
}
