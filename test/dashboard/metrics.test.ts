// Aim: /metrics gives what is so, never what was so; it costs one reading at a time; its names follow Prometheus's rules.
// Method: the metrics of statuses and figures as they are given, with a virtual clock and readings that hang.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { metrics } from "../../src/dashboard/metrics/catalogue.ts";
import { createMetrics, type MetricsPorts } from "../../src/dashboard/metrics/metrics.ts";
import { LockstepError } from "../../src/errors.ts";
import type { FleetStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { noUpgrades } from "../../src/operator/figures/upgrade-totals.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { agentWith, at, statusWith, upgradeWith } from "./fleet-status.ts";
import { figures, whole } from "./full-metrics.ts";
import { metricLines } from "./metric-lines.ts";

function scraping(fleet: Partial<MetricsPorts["fleet"]> = {}) {
  const clock = createVirtualClock();
  const given = { status: async () => whole, figures: async () => figures, ...fleet };
  const warned: unknown[] = [];
  const log = { ...silentLog, warn: (...said: unknown[]) => warned.push(said) };
  const scrape = createMetrics({ fleet: given, clock, log });
  return { clock, scrape, warned, lines: async () => metricLines((await scrape()).text) };
}

test("all figures, in seconds and bytes", async () => {
  const { text } = await scraping().scrape();
  const lines = text.split("\n");
  for (const line of [
    "lockstep_database_up 1",
    'lockstep_agents{role="state-server",condition="working"} 1',
    'lockstep_agents_silent{role="state-server"} 1',
    'lockstep_gates{role="state-server",gate="draining"} 1',
    'lockstep_gates{role="state-server",gate="shut"} 1',
    'lockstep_gates{role="state-server",gate="open"} 0',
    'lockstep_gates{role="state-server",gate="unknown"} 1',
    'lockstep_gates{role="machine",gate="open"} 1',
    'lockstep_agent_heartbeat_age_seconds{agent="a2"} 30',
    "lockstep_downtime_seconds 60",
    'lockstep_version_info{agent_version="1.1.0",database_version="1.0.0>1.1.0#u000002"} 1',
    "lockstep_generation 2",
    "lockstep_backups_held 2",
    "lockstep_backup_bytes 1000",
    `lockstep_backup_newest_timestamp_seconds ${at / 1_000 - 3_600}`,
    "lockstep_master_live 1",
    "lockstep_master_epoch 2",
    "lockstep_master_lease_seconds 9",
    "lockstep_master_lease_age_seconds 1",
    'lockstep_upgrade_state{state="migrating"} 1',
    'lockstep_upgrade_state{state="done"} 0',
    "lockstep_upgrade_active 1",
    "lockstep_upgrade_state_age_seconds 10",
    "lockstep_upgrade_deadline_seconds 590",
    "lockstep_upgrade_batches 0",
    'lockstep_upgrade_transitions_total{state="migrating"} 3',
    'lockstep_upgrade_transitions_total{state="done"} 0',
    "lockstep_upgrade_takeovers_total 2",
    'lockstep_upgrade_effects_total{effect="migrate"} 3',
    'lockstep_upgrade_effect_seconds_total{effect="migrate"} 9',
    'lockstep_upgrade_effects_total{effect="restore"} 0',
    'lockstep_upgrade_effect_seconds_total{effect="restore"} 0',
    'lockstep_upgrade_effect_last_seconds{effect="migrate"} 4',
    'lockstep_upgrade_effect_age_seconds{effect="rehearse"} 12',
    "lockstep_engine_up 1",
    "lockstep_engine_machines 1",
    "lockstep_engine_workers_alive 2",
    "lockstep_engine_workers_expired 1",
    'lockstep_engine_workers{machine="order"} 2',
    'lockstep_engine_partitions{machine="order",owner="held"} 30',
    'lockstep_engine_partitions{machine="order",owner="unowned"} 2',
    'lockstep_engine_timer_lag_seconds{machine="order"} 61.5',
    'lockstep_engine_actors{machine="order",status="active"} 100000',
    'lockstep_engine_actors_working{machine="order"} 7',
    'lockstep_engine_work_age_seconds{machine="order"} 90',
    "lockstep_engine_counted_age_seconds 30",
    "lockstep_engine_journal_entries 1234",
  ]) {
    expect(lines).toContain(line);
  }
  // Each metric of the list is there.
  const names = new Set(metricLines(text).map(({ name }) => name));
  expect([...names].toSorted()).toEqual(
    Object.keys(metrics)
      .map((name) => `lockstep_${name}`)
      .toSorted(),
  );
});

test("names, labels and help follow the rules of Prometheus, and the page lists each of them", async () => {
  const page = await readFile("docs/telemetry.md", "utf8");
  const rows: string[] = [];
  for (const [name, { type, help, labels }] of Object.entries(metrics)) {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
    expect(name).not.toMatch(
      /_(count|sum|bucket|ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)/,
    );
    expect(name).not.toMatch(/gauge|counter|summary|histogram/);
    for (const label of labels) expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
    // A label in the name would be lost by a sum.
    for (const label of labels) expect(name.split("_")).not.toContain(`by_${label}`);
    expect(help).toMatch(/^[A-Z0-9].*\.$/);
    const shown = labels.length === 0 ? name : `${name}{${labels.join(",")}}`;
    rows.push(`| \`lockstep_${shown}\` | ${type} | ${help} |`);
  }
  expect(page.split("\n").filter((line) => line.startsWith("| `lockstep_"))).toEqual(rows);
});

test("no age is negative where a record is newer than the moment of the reading", async () => {
  const status = statusWith({
    agents: [agentWith({ lastSeenAt: at + 20 })],
    master: { agent: "a1", epoch: 2, live: true, renewedAt: at + 20, leaseUntil: at + 9_000 },
    upgrade: upgradeWith({ since: at + 20, downtime: { from: at + 20, until: null } }),
  });
  const lines = await scraping({ status: async () => status }).lines();
  const ages = lines.filter(({ name }) => /_age_seconds$|downtime_seconds$/.test(name));
  const ofFleet = ages.filter(({ name }) => !/engine|effect/.test(name));
  expect(ofFleet.map(({ value }) => value)).toEqual([0, 0, 0, 0]);
});

test("no series for each agent of a large fleet, and none for what is not known", async () => {
  const agents = Array.from({ length: limits.metricsAgentsMax + 1 }, (_, index) =>
    agentWith({ agent: `a${index}` }),
  );
  const status = statusWith({ agents, upgrade: null, master: null });
  const lines = await scraping({ status: async () => status }).lines();
  const names = new Set(lines.map(({ name }) => name));
  expect(names).not.toContain("lockstep_agent_heartbeat_age_seconds");
  expect(lines).toContainEqual({
    ...{ name: "lockstep_agents", value: agents.length },
    labels: { role: "state-server", condition: "active" },
  });
  for (const unknown of ["backup_bytes", "backup_newest_timestamp_seconds", "master_epoch"]) {
    expect(names).not.toContain(`lockstep_${unknown}`);
  }
  expect(lines).toContainEqual({ name: "lockstep_master_live", labels: {}, value: 0 });
});

test.each<[string, Partial<FleetStatus["upgrade"]>, number]>([
  ["under way", { downtime: { from: at - 5_000, until: null } }, 5],
  ["before the first gate shuts", { downtime: { from: null, until: null } }, 0],
  ["all serve again", { downtime: { from: at - 5_000, until: at - 1 }, final: true }, 0],
  [
    "one does not serve",
    {
      ...{ downtime: { from: at - 5_000, until: null }, final: true },
      notServing: [{ agent: "a2", why: "it is silent" }],
    },
    5,
  ],
  ["a forgotten agent has never served", { downtime: { from: 1, until: null }, final: true }, 0],
])("the downtime: %s", async (_, facts, seconds) => {
  const status = statusWith({ upgrade: upgradeWith(facts ?? {}) });
  const lines = await scraping({ status: async () => status }).lines();
  expect(lines).toContainEqual({ name: "lockstep_downtime_seconds", labels: {}, value: seconds });
});

test("the database is away: only that is said, in time, and without an old value", async () => {
  const isAway = { isAway: true };
  const status = async () => {
    if (isAway.isAway) throw new LockstepError("database-unreachable", "away");
    return whole;
  };
  const { lines } = scraping({ status });
  const down = [{ name: "lockstep_database_up", labels: {}, value: 0 }];
  expect(await lines()).toEqual(down);
  isAway.isAway = false;
  expect((await lines()).length).toBeGreaterThan(30);
  isAway.isAway = true;
  expect(await lines()).toEqual(down);
});

test("a database that hangs: scrapes share one reading, and each ends in time", async () => {
  let readings = 0;
  let answer: (status: FleetStatus) => void = () => {};
  const status = () => {
    readings += 1;
    return new Promise<FleetStatus>((resolve) => {
      answer = resolve;
    });
  };
  const { clock, lines } = scraping({ status });
  const first = Promise.all([lines(), lines()]);
  await clock.advance(limits.metricsWaitMs);
  const down = [{ name: "lockstep_database_up", labels: {}, value: 0 }];
  expect([await first, readings]).toEqual([[down, down], 1]);
  const second = lines();
  await clock.advance(1);
  answer(whole);
  expect((await second).length).toBeGreaterThan(30);
  expect(readings).toBe(1);
  const third = lines();
  answer(whole);
  await third;
  expect(readings).toBe(2);
});

test("an engine without a fleet has its metrics, and one that cannot be read says so", async () => {
  const status = async () => {
    throw new LockstepError("no-version", "no fleet");
  };
  const alone = await scraping({ status }).lines();
  expect(alone.map(({ name }) => name)).toContain("lockstep_engine_actors");
  expect(alone.map(({ name }) => name)).not.toContain("lockstep_agents");
  const troubled = { upgrades: { totals: noUpgrades, running: new Map() } };
  const { lines, warned } = scraping({
    figures: async () => ({ ...troubled, engine: { trouble: "not authorized" } }),
  });
  await lines();
  const unread = await lines();
  const fields = { about: "engine", error: "not authorized" };
  expect(warned).toEqual([[fields, "metrics are missing"]]);
  expect(unread.filter(({ name }) => name.includes("engine"))).toEqual([
    { name: "lockstep_engine_up", labels: {}, value: 0 },
  ]);
  const none = await scraping({ figures: async () => ({ ...troubled, engine: null }) }).lines();
  expect(none.filter(({ name }) => name.includes("engine"))).toEqual([]);
});
