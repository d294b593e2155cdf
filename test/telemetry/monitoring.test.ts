// Aim: the dashboard for Grafana and the rules for alerts ask for nothing that /metrics does not give. Method: each expression is
// parsed by Prometheus's own grammar, and each metric, label and value in it is looked for in an answer that has all metrics.
import { readFile } from "node:fs/promises";
import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { metrics } from "../../src/dashboard/metrics/catalogue.ts";
import { createMetrics } from "../../src/dashboard/metrics/metrics.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { figures, whole } from "../dashboard/full-metrics.ts";
import { metricLines } from "../dashboard/metric-lines.ts";

const { text } = await createMetrics({
  fleet: { status: async () => whole, figures: async () => figures },
  ...{ clock: systemClock, log: silentLog },
})();
const samples = metricLines(text);

/** Labels that Prometheus itself adds to what it scrapes. */
const scraped = ["job", "instance"];

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly fieldConfig?: {
    readonly defaults: { readonly unit: string; readonly mappings: readonly unknown[] };
  };
  readonly datasource?: { readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
interface Board {
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { name: string; type: string; query: unknown; definition?: string }[];
  };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const board: Board = JSON.parse(await readFile("telemetry/grafana-dashboard.json", "utf8"));
const { groups } = parse(await readFile("telemetry/alert-rules.yml", "utf8")) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

/** The texts of all nodes of one kind in an expression, or those of its errors. */
function nodesOf(expression: string, kind: string): readonly string[] {
  // Grafana puts a duration in place of its variable.
  const plain = expression.replaceAll("$__rate_interval", "5m");
  const found: string[] = [];
  parser.parse(plain).iterate({
    enter: (node) => {
      if (node.name === kind) found.push(plain.slice(node.from, node.to));
    },
  });
  return found;
}

/** All that is wrong with an expression. */
function troublesOf(expression: string): readonly string[] {
  if (nodesOf(expression, "⚠").length > 0) return ["it is no PromQL"];
  const troubles: string[] = [];
  const used = new Set<string>();
  for (const selector of nodesOf(expression, "VectorSelector")) {
    // Prometheus itself gives it for each target.
    if (selector === "up") continue;
    const name = /^\w+/.exec(selector)?.[0] ?? "";
    const known = metrics[name.replace(/^lockstep_/, "") as keyof typeof metrics];
    if (!name.startsWith("lockstep_") || known === undefined) {
      troubles.push(`no metric ${name}`);
      continue;
    }
    for (const label of known.labels) used.add(label);
    for (const [, label = "", sign, value = ""] of selector.matchAll(
      /(\w+)(=~|!~|!=|=)"([^"]*)"/g,
    )) {
      if (scraped.includes(label)) continue;
      const isThere = samples.some(
        (sample) => sample.name === name && (sign !== "=" || sample.labels[label] === value),
      );
      if (!(known.labels as readonly string[]).includes(label) || !isThere) {
        troubles.push(`no ${name}{${label}="${value}"}`);
      }
    }
  }
  for (const labels of nodesOf(expression, "GroupingLabels")) {
    for (const label of labels.match(/\w+/g) ?? []) {
      if (!used.has(label) && !scraped.includes(label)) troubles.push(`no label ${label}`);
    }
  }
  return troubles;
}

/** The unit of what an expression gives, in Grafana's words. */
function unitOf(expression: string): unknown {
  const [name = ""] = nodesOf(expression, "Identifier");
  if (/_seconds(_total)?$/.test(name)) return "s";
  if (name.endsWith("_bytes")) return "bytes";
  return expect.stringMatching(/^(none|short|ops)$/);
}

/** The labels that a text names, as in a legend or in an annotation. */
const namedIn = (words: string, sign: RegExp) => [...words.matchAll(sign)].map(([, name]) => name);

test("the checks find what is wrong", () => {
  expect(troublesOf("max(lockstep_database_up")).toEqual(["it is no PromQL"]);
  expect(troublesOf("lockstep_lease > 1")).toEqual(["no metric lockstep_lease"]);
  expect(troublesOf('lockstep_gates{gate="wide"}')).toEqual(['no lockstep_gates{gate="wide"}']);
  expect(troublesOf('lockstep_generation{role="x"}')).toEqual(['no lockstep_generation{role="x"}']);
  expect(troublesOf("sum by (effect) (lockstep_agents)")).toEqual(["no label effect"]);
});

test("each panel and each alert asks for metrics and labels that are there", () => {
  const expressions = [
    ...board.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, expr] as const),
    ),
    ...board.annotations.list.map(({ expr }) => ["annotation", expr] as const),
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ];
  expect(expressions.length).toBeGreaterThan(50);
  const wrong = expressions.flatMap(([of, expr]) =>
    troublesOf(expr).map((each) => `${of}: ${each}`),
  );
  expect(wrong).toEqual([]);
});

test("each expression of the dashboard keeps to the fleet and the servers that are chosen", () => {
  const chosen = /\{job="\$job",instance=~"\$instance"/;
  const targets = board.panels.flatMap((panel) => panel.targets ?? []);
  const all = [...targets, ...board.annotations.list];
  const free = all.flatMap(({ expr }) =>
    nodesOf(expr, "VectorSelector").filter((selector) => !chosen.test(selector)),
  );
  expect(free).toEqual([]);
});

test("the dashboard shows every metric, on any data source, and no two panels lie on one place", () => {
  const shown = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join();
  const missing = Object.keys(metrics).filter((name) => !shown.includes(`lockstep_${name}{`));
  expect(missing).toEqual([]);
  expect(board.schemaVersion).toBeGreaterThanOrEqual(39);
  const [source, job, instance] = board.templating.list;
  expect(source).toMatchObject({ name: "datasource", type: "datasource", query: "prometheus" });
  // Two fleets in one picture would mix their figures, so a person sees one at a time.
  expect(job).toMatchObject({ name: "job", multi: false, includeAll: false });
  expect(instance?.definition).toBe('label_values(lockstep_database_up{job="$job"}, instance)');
  const graphs = board.panels.filter(({ type }) => type !== "row");
  expect(new Set(graphs.map(({ datasource }) => datasource?.uid))).toEqual(
    new Set([`\${datasource}`]),
  );
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of board.panels) {
    const { x, y, w, h } = gridPos;
    expect(x + w).toBeLessThanOrEqual(24);
    for (let row = y; row < y + h; row += 1) {
      for (let column = x; column < x + w; column += 1) {
        const place = `${column},${row}`;
        expect([place, taken.get(place)]).toEqual([place, undefined]);
        taken.set(place, title);
      }
    }
  }
  for (const { title, description, fieldConfig, targets = [] } of graphs) {
    expect([title, description]).toEqual([title, expect.stringMatching(/^[A-Z].*\.$/)]);
    for (const { expr, legendFormat } of targets) {
      expect([title, fieldConfig?.defaults.unit]).toEqual([title, unitOf(expr)]);
      const grouped = nodesOf(expr, "GroupingLabels").flatMap(
        (labels) => labels.match(/\w+/g) ?? [],
      );
      for (const label of namedIn(legendFormat, /\{\{(\w+)\}\}/g)) {
        expect([title, grouped]).toEqual([title, expect.arrayContaining([label])]);
      }
    }
  }
});

test("a figure that is not there has no colour of health or of trouble", () => {
  // Grafana gives it the colour of the lowest threshold, unless a mapping has another.
  const stats = board.panels.filter(({ type }) => type === "stat");
  const words = { text: expect.stringMatching(/^(no|none)\b/), color: "text" };
  const options = { match: "null", result: expect.objectContaining(words) };
  expect(stats.length).toBeGreaterThan(10);
  for (const { title, fieldConfig } of stats) {
    const mappings = fieldConfig?.defaults.mappings;
    expect([title, mappings]).toEqual([
      title,
      expect.arrayContaining([{ type: "special", options }]),
    ]);
  }
});

test("each alert has a name, a severity and words for people, whose labels are there", async () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  const page = await readFile("docs/telemetry.md", "utf8");
  for (const { alert, expr, labels, annotations } of rules) {
    expect(alert).toMatch(/^Lockstep[A-Z]\w+$/);
    expect(["warning", "critical"]).toContain(labels.severity);
    expect(page).toContain(`| \`${alert}\` | ${labels.severity} |`);
    const words = `${annotations.summary} ${annotations.description}`;
    const known = nodesOf(expr, "VectorSelector").flatMap((selector) => {
      const name = /^lockstep_(\w+)/.exec(selector)?.[1] as keyof typeof metrics;
      return [...(metrics[name]?.labels ?? []), "instance"];
    });
    for (const label of namedIn(words, /\$labels\.(\w+)/g)) {
      expect([alert, known]).toEqual([alert, expect.arrayContaining([label])]);
    }
  }
  expect(page.match(/^\| `Lockstep/gm)?.length).toBe(rules.length);
});
