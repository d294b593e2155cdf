// Aim: the metrics of a real fleet are those of its journals, its disks and its lease, through a takeover and a restart of the
// server, and its log has the documented fields. Method: real processes, an upgrade whose master is killed, and two servers of metrics one after the other.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMetrics } from "../../src/dashboard/metrics/metrics.ts";
import { createFleetClient } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { type MetricLine, metricLines } from "../dashboard/metric-lines.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

const scraped = async (client = fleet.fleet): Promise<readonly MetricLine[]> => {
  const ports = { fleet: client, clock: systemClock, log: silentLog };
  return metricLines((await createMetrics(ports)()).text);
};

/** The value of the one sample with these labels. */
function figureOf(lines: readonly MetricLine[], name: string, labels: MetricLine["labels"] = {}) {
  const found = lines.filter(
    (line) =>
      line.name === `lockstep_${name}` &&
      Object.entries(labels).every(([label, value]) => line.labels[label] === value),
  );
  expect([name, found.length]).toEqual([name, 1]);
  return found[0]?.value ?? Number.NaN;
}

test("the whole of an upgrade whose master is killed", async () => {
  const before = await scraped();
  expect(figureOf(before, "upgrade_transitions_total", { state: "done" })).toBe(0);
  expect(figureOf(before, "master_live")).toBe(1);
  expect(figureOf(before, "master_lease_age_seconds")).toBeLessThan(20);
  await fleet.hold("progress-batch");
  const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
  await fleet.reached("progress-batch");
  const { master } = await fleet.fleet.status();
  const during = await scraped();
  expect(figureOf(during, "upgrade_state", { state: "migrating" })).toBe(1);
  expect(figureOf(during, "upgrade_effect_age_seconds", { effect: "migrate" })).toBeGreaterThan(0);
  expect(figureOf(during, "downtime_seconds")).toBeGreaterThan(0);
  expect(figureOf(during, "gates", { role: "state-server", gate: "open" })).toBe(0);
  signalProcess(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
  await fleet.release("progress-batch");
  await fleet.ended(upgradeId, "done", "1.1.0");
  await fleet.until("the sizes of all copies, and the word that each agent serves", async () => {
    const lines = await scraped();
    const isThere = (name: string, value: number) =>
      lines.some((line) => line.name === `lockstep_${name}` && line.value === value);
    return isThere("backups_held", 3) && isThere("downtime_seconds", 0);
  });
  const after = await scraped();
  for (const state of ["waiting", "backing-up", "rehearsing", "migrating", "done"]) {
    expect([state, figureOf(after, "upgrade_transitions_total", { state })]).toEqual([state, 1]);
  }
  // The master has been killed, and it has changed its version before.
  const [item] = await fleet.fleet.history();
  expect(item?.epochs.length).toBeGreaterThan(1);
  expect(figureOf(after, "upgrade_takeovers_total")).toBe((item?.epochs.length ?? 0) - 1);
  expect(figureOf(after, "upgrade_effects_total", { effect: "migrate" })).toBe(1);
  expect(figureOf(after, "upgrade_effect_last_seconds", { effect: "migrate" })).toBeGreaterThan(0);
  expect(figureOf(after, "downtime_seconds")).toBe(0);
  let bytes = 0;
  for (const { name } of fleet.servers) {
    const folder = join(fleet.directoryOf(name), "backups");
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
    }
  }
  expect(figureOf(after, "backup_bytes")).toBe(bytes);
  // Another process counts the same.
  const other = await createFleetClient({ mongoUrl: fleet.mongoUrl });
  try {
    const counters = (lines: readonly MetricLine[]) =>
      lines.filter(({ name }) => name.endsWith("_total"));
    expect(counters(await scraped(other))).toEqual(counters(after));
  } finally {
    await other.close();
  }
});

test("each line of its logs has fields of the page, and a field has one kind of value", async () => {
  const page = await readFile("docs/log.md", "utf8");
  const documented = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  const known = new Set(["level", "time", "msg", ...documented]);
  const kinds = new Map<string, Set<string>>();
  for (const server of fleet.servers) {
    const lines = (await server.lastLines(1_000)).split("\n").filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(10);
    for (const [field, value] of lines.flatMap((line) => Object.entries(JSON.parse(line)))) {
      kinds.set(field, (kinds.get(field) ?? new Set()).add(typeof value));
    }
  }
  expect([...kinds.keys()].filter((field) => !known.has(field))).toEqual([]);
  expect([...kinds].filter(([, values]) => values.size > 1)).toEqual([]);
});
