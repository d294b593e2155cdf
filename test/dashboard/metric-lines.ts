/** A sample in the text form of Prometheus. */
export interface MetricLine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a text of Prometheus. */
export function metricLines(text: string): readonly MetricLine[] {
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return samples.map((line) => {
    const [, name = "", inner = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const pairs = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    const labels = Object.fromEntries(pairs.map(([, label, held = ""]) => [label, held]));
    return { name, labels, value: Number(value) };
  });
}
