import { isDeepStrictEqual } from "node:util";
import { systemClock } from "../src/ports/clock.ts";
import { killInTheMiddle } from "./kill-in-the-middle.ts";
import { type DemoWorld, startWorld } from "./world.ts";

interface Row {
  readonly upgradeId: string;
  readonly expected: string;
  outcome: string;
  durationMs: number;
  takeoverMs: number | null;
  readonly checks: string[];
  ok: boolean;
}

const rows: Row[] = [];

function check(world: DemoWorld, row: Row, what: string, holds: boolean): void {
  row.checks.push(`${holds ? "✓" : "✗"} ${what}`);
  row.ok &&= holds;
  if (holds) world.narrator.good(what);
  else world.narrator.bad(what);
}

/** All gates open on one version, and the application answers on each server. */
async function allServe(world: DemoWorld, version: string): Promise<void> {
  await world.until(`everybody serving ${version}`, async ({ agents }) => {
    const open = agents.filter((agent) => agent.gate === "open" && agent.version === version);
    if (open.length < world.servers.length) return false;
    const answers = await Promise.all(world.servers.map((server) => server.ask()));
    return answers.every((answer) => answer?.version === version);
  });
}

/** Upgrades and waits for the end; tells whether anybody served meanwhile. */
async function play(
  world: DemoWorld,
  to: string,
  expected: "done" | "rolled-back",
  deadlines: Record<string, number>,
  during: (row: Row) => Promise<void> = async () => {},
): Promise<Row> {
  const { fleet } = world;
  const from = (await fleet.status()).versions.agentVersion;
  const row: Row = {
    upgradeId: `${from} → ${to}`,
    expected,
    outcome: "?",
    durationMs: 0,
    takeoverMs: null,
    checks: [],
    ok: true,
  };
  rows.push(row);
  const startMs = systemClock.monotonicMs();
  const { upgradeId } = await fleet.upgrade(to, { deadlines });
  let served = 0;
  let asked = 0;
  const watching = new AbortController();
  const probing = (async () => {
    while (!watching.signal.aborted) {
      const status = await fleet.status().catch(() => null);
      if (status && status.versions.upgradeId !== null && status.upgrade?.state !== "waiting") {
        const answers = await Promise.all(world.servers.map((server) => server.ask()));
        const after = await fleet.status().catch(() => null);
        if (after?.versions.upgradeId === upgradeId) {
          asked += answers.length;
          served += answers.filter((answer) => answer !== null).length;
        }
      }
      await systemClock.sleep(200, watching.signal);
    }
  })();
  await during(row);
  const last = await world.until(
    `${to} to end`,
    (status) => status.upgrade?.upgradeId === upgradeId && status.upgrade.final && status.upgrade,
  );
  watching.abort();
  await probing;
  row.outcome = last.state;
  row.durationMs = systemClock.monotonicMs() - startMs;
  check(world, row, `ended ${expected}`, last.state === expected);
  check(
    world,
    row,
    `nobody served in transition (asked ${asked} times)`,
    asked > 0 && served === 0,
  );
  if (last.reason) world.narrator.say(`${last.reason.code}: ${last.reason.message.slice(0, 400)}`);
  await allServe(world, expected === "done" ? to : from);
  check(world, row, `all serve ${expected === "done" ? to : from}`, true);
  const broken = await fleet.check();
  check(world, row, ["every invariant holds", ...broken].join("; "), broken.length === 0);
  return row;
}

async function story(world: DemoWorld): Promise<void> {
  const { narrator, client } = world;
  narrator.good(`the dashboard is at ${world.dashboardUrl}`);
  const movies = client.db().collection("movies");
  const flights = client.db().collection("flights");
  await allServe(world, "1.0.0");
  narrator.good("three state servers serve 1.0.0");

  narrator.chapter("1.0.0 → 1.1.0: primary and master are killed in the middle of the migration");
  const kill = await play(world, "1.1.0", "done", {}, async (row) => {
    row.takeoverMs = await killInTheMiddle(world);
  });
  const late = await flights.countDocuments({ delay: { $gte: 10 } });
  const once = await flights.countDocuments({ touched: 1, delay: { $gte: 10 } });
  const touched = await flights.countDocuments({ touched: { $exists: true } });
  const exactly = once === late && touched === late;
  check(world, kill, `each of ${late} late flights was changed exactly once`, exactly);
  const bookings = await client.db().collection("bookings").countDocuments();
  check(world, kill, "the other schema step took effect once", bookings === 1);

  narrator.chapter("1.1.0 → 1.2.0: a step that fails on the real data");
  const before = await world.digest();
  const titles = await play(world, "1.2.0", "rolled-back", {});
  check(world, titles, "live data never touched", isDeepStrictEqual(before, await world.digest()));
  const { reason } = (await world.fleet.history()).at(-1) ?? {};
  const named = (reason?.details["documents"] as unknown[] | undefined)?.length ?? 0;
  check(
    world,
    titles,
    `the reason names the step and ${named} documents`,
    reason?.details["step"] === "titles-in-lower-case" && named === 10,
  );

  narrator.chapter("1.1.0 → 1.2.1: one state server's new version never comes up");
  const hung = await play(world, "1.2.1", "rolled-back", { waitingMs: 5_000 });
  check(world, hung, "live data never touched", isDeepStrictEqual(before, await world.digest()));

  narrator.chapter("1.1.0 → 1.2.2: after the migration, one server is not ready to serve");
  const restored = await play(world, "1.2.2", "rolled-back", {});
  const [marked, after] = [await movies.countDocuments({ marked: true }), await world.digest()];
  check(
    world,
    restored,
    "the data equals the backup, by its digest",
    isDeepStrictEqual(before, after),
  );
  check(world, restored, "nothing of the migration is left", marked === 0);
  const unready = (await world.fleet.history()).at(-1)?.reason;
  const isNamed = unready?.code === "not-ready" && unready.message.includes("CATALOGUE_KEY");
  check(world, restored, "the reason is the readiness check's own", isNamed);
  const went = (await world.fleet.history()).at(-1)?.states.map(({ state }) => state) ?? [];
  check(world, restored, "the migration had been applied", went.includes("awaiting-peers"));

  narrator.chapter("1.1.0 → 1.3.0: the mended step");
  const mended = await play(world, "1.3.0", "done", {});
  const searchable = await movies.countDocuments({ search: { $type: "string" } });
  check(
    world,
    mended,
    "every film can be searched",
    searchable === (await movies.countDocuments()),
  );
}

function table(): string {
  const header = ["upgrade", "outcome", "duration", "takeover", "checks"];
  const seconds = (ms: number | null) => (ms === null ? "–" : `${(ms / 1000).toFixed(1)} s`);
  const cells = rows.map((row) => [
    row.upgradeId,
    row.outcome,
    seconds(row.durationMs),
    seconds(row.takeoverMs),
    `${row.checks.filter((text) => text.startsWith("✓")).length} of ${row.checks.length}`,
  ]);
  const widths = header.map((head, column) =>
    Math.max(head.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  return [header, ...cells]
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "))
    .join("\n");
}

const keep = process.argv.includes("--keep");
const unknown = process.argv.slice(2).filter((word) => word !== "--keep");
if (unknown.length > 0) {
  process.stderr.write(`unknown argument ${unknown.join(" ")}: expected --keep or nothing\n`);
  process.exit(2);
}
const interrupted = new Promise<"interrupted">((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => resolve("interrupted"));
  }
});
const started = await Promise.race([startWorld(), interrupted]);
// Half a world has no handle to end it by: its guards do that, as soon as this process is gone.
if (started === "interrupted") process.exit(130);
const world = started;
let exitCode = 1;
try {
  const outcome = await Promise.race([story(world), interrupted]);
  if (outcome === "interrupted") exitCode = 130;
  else {
    const ok = rows.length === 5 && rows.every((row) => row.ok);
    world.narrator.chapter(ok ? "All of it came out right" : "Something came out wrong");
    process.stdout.write(`${table()}\n`);
    exitCode = ok ? 0 : 1;
    if (keep) {
      world.narrator.say(
        `the fleet stays up; try: npx lockstep status --mongo-url "${world.set.url("catalogue")}"`,
      );
      world.narrator.say(`its dashboard is at ${world.dashboardUrl}`);
      world.narrator.say("Ctrl-C ends all of it");
      await interrupted;
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stdout.write(`${table()}\n`);
} finally {
  await world.end();
}
process.exit(exitCode);
