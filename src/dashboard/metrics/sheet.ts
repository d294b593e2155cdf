import { Counter, Gauge, Registry } from "prom-client";
import { type MetricName, metrics } from "./catalogue.ts";

/** The names of the labels of a metric. */
type LabelOf<Name extends MetricName> = (typeof metrics)[Name]["labels"][number];
type Labels<Name extends MetricName> = Readonly<Record<LabelOf<Name>, string>>;

/** The samples of one answer to Prometheus. */
export class Sheet {
  readonly #samples = new Map<MetricName, [Readonly<Record<string, string>>, number][]>();

  /** Adds a sample. Null is unknown, and gives none. */
  put<Name extends MetricName>(
    name: Name,
    value: number | null | undefined,
    ...[labels]: [LabelOf<Name>] extends [never] ? [] : [labels: Labels<Name>]
  ): void {
    if (value === null || value === undefined || Number.isNaN(value)) return;
    const samples = this.#samples.get(name) ?? [];
    samples.push([labels ?? {}, value]);
    this.#samples.set(name, samples);
  }

  /** The text form of Prometheus. A metric without a sample is left out. */
  async text(): Promise<{ readonly type: string; readonly text: string }> {
    const registry = new Registry();
    for (const name of Object.keys(metrics) as MetricName[]) {
      const samples = this.#samples.get(name);
      if (samples === undefined) continue;
      const { type, help, labels } = metrics[name];
      const options = { name: `lockstep_${name}`, help, labelNames: labels, registers: [registry] };
      const metric = type === "counter" ? new Counter(options) : new Gauge(options);
      for (const [each, value] of samples) metric.inc(each, value);
    }
    return { type: registry.contentType, text: await registry.metrics() };
  }
}
