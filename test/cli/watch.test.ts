// Aim: a watch paints the status on a terminal, and prints one line for each change elsewhere; a wait ends as its goal
// says. Method: a fleet that says so; the compiled program on a real terminal (`script`), and off it.
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { waitForGoal } from "../../src/cli/commands/show/wait.ts";
import type { Goal } from "../../src/cli/commands/show/wait-goals.ts";
import { watchFleet } from "../../src/cli/commands/show/watch.ts";
import type { Terminal } from "../../src/cli/run.ts";
import type { FleetClient, FleetStatus } from "../../src/index.ts";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { agentStatus, fleetStatus, statusNow, upgradeStatus } from "../support/fleet-status.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");
const run = (...words: string[]) =>
  runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });

function fleetThatSays(statuses: readonly FleetStatus[], history: readonly object[] = []) {
  return {
    async *watch() {
      yield* statuses;
    },
    history: async () => history,
  } as unknown as FleetClient;
}
function terminalWith(more: Partial<Terminal> = {}) {
  const said: string[] = [];
  const out = (text: string) => said.push(...text.split("\n"));
  const { signal } = new AbortController();
  return { said, terminal: { screen: null, out, signal, ...more } as unknown as Terminal };
}

const migrating = fleetStatus({ upgrade: upgradeStatus() });
const later = (status: FleetStatus, ms: number): FleetStatus => ({
  ...status,
  now: statusNow + ms,
  agents: status.agents.map((agent) => ({ ...agent, lastSeenAt: agent.lastSeenAt + ms })),
});
const ended = (state: string) =>
  fleetStatus({ upgrade: upgradeStatus({ state, final: true, waitingFor: [], until: null }) });

test("off a terminal: a line for each change of the upgrade or of an agent, and none for a heartbeat", async () => {
  const { said, terminal } = terminalWith();
  const full = [agentStatus("a1"), agentStatus("a2", { blocked: "a full disk" })];
  const rest = ended("done");
  const statuses = [migrating, later(migrating, 400), rest, { ...rest, agents: full }];
  await watchFleet(fleetThatSays(statuses), {}, terminal);
  expect(said).toEqual([
    "u000002 1.0.0 → 1.1.0: migrating (a2, epoch 4), waits for master",
    "  a1  waiting: for master",
    "  a2  working: the master migrates the live data",
    "  a3  waiting: for master",
    "u000002 1.0.0 → 1.1.0: done (a2, epoch 4)",
    "  a1  active",
    "  a2  active",
    "  a3  active",
    "  a2  blocked: a full disk",
    "  a3  forgotten",
  ]);
});

test("as JSON: one status for each change, with its conditions", async () => {
  const { said, terminal } = terminalWith();
  const statuses = [migrating, later(migrating, 400), ended("done")];
  await watchFleet(fleetThatSays(statuses), { json: true }, terminal);
  const lines = said.map((line) => JSON.parse(line));
  expect(lines.map(({ type, conditions }) => [type, conditions.upgrade.word])).toEqual([
    ["status", "working"],
    ["status", "active"],
  ]);
});

test("on a terminal: the status is painted, and the last one stays", async () => {
  const painted: string[] = [];
  let left = 0;
  const screen = { paint: (text: string) => painted.push(text), leave: () => (left += 1) };
  const { said, terminal } = terminalWith({ screen: screen as never });
  await watchFleet(fleetThatSays([migrating, ended("done")]), {}, terminal);
  expect(painted[0]).toMatch(
    /^lockstep watch, as of .* UTC: Ctrl-C ends this view, and nothing else\n/,
  );
  expect(painted).toHaveLength(2);
  expect([left, said[0]]).toEqual([1, "agent version 1.0.0, database version 1.0.0"]);
});

test.each<[Goal, string, number, boolean]>([
  ["done", "done", 0, true],
  ["done", "rolled-back", 6, false],
  ["ended", "rolled-back", 0, true],
])("a wait for %s that ends %s: exit %d", async (goal, state, exitCode, reached) => {
  const { said, terminal } = terminalWith();
  const fleet = fleetThatSays([migrating, ended(state)]);
  expect(await waitForGoal(fleet, { for: goal, json: true }, terminal)).toBe(exitCode);
  const last = JSON.parse(said.at(-1) ?? "");
  expect(last).toMatchObject({ type: "wait", for: goal, upgradeId: "u000002", reached });
});

test("a wait stays with its upgrade, also where a later one holds the slot by then", async () => {
  const next = fleetStatus({ upgrade: upgradeStatus({ upgradeId: "u000003" }) });
  const history = [{ upgradeId: "u000002", state: "rolled-back" }];
  for (const options of [{ for: "done" }, { for: "done", upgrade: "u000002" }] as const) {
    const { said, terminal } = terminalWith();
    const statuses = "upgrade" in options ? [next] : [migrating, next];
    expect(await waitForGoal(fleetThatSays(statuses, history), options, terminal)).toBe(6);
    expect(said.at(-1)).toMatch(/^u000002 is rolled-back, /);
  }
});

test("a wait for an upgrade that is none", async () => {
  const { terminal } = terminalWith();
  const none = fleetThatSays([fleetStatus()]);
  await expect(waitForGoal(none, { for: "done" }, terminal)).rejects.toMatchObject({
    ...{ code: "no-upgrade", message: expect.stringContaining("--for serving") },
  });
  const unknown = waitForGoal(none, { for: "done", upgrade: "u000099" }, terminal);
  await expect(unknown).rejects.toMatchObject({ code: "no-upgrade" });
  expect(await waitForGoal(none, { for: "serving" }, terminal)).toBe(0);
});

test("the program waits no longer than its time, and refuses a goal and a time that are none", async () => {
  const url = urlOf(freshDatabaseName());
  expect((await run("init", "1.0.0", "--new-database", "--mongo-url", url))?.exitCode).toBe(0);
  const late = await run("wait", "--for", "serving", "--timeout", "1s", "--mongo-url", url);
  expect([late?.exitCode, late?.stderr.includes("timeout")]).toEqual([5, true]);
  const goal = await run("wait", "--for", "never", "--mongo-url", url);
  expect([goal?.exitCode, goal?.stderr.includes("rolled-back")]).toEqual([2, true]);
  const time = await run("wait", "--for", "done", "--timeout", "soon", "--mongo-url", url);
  expect([time?.exitCode, time?.stderr.includes("10m")]).toEqual([2, true]);
});

test("on a real terminal the view is painted until Ctrl-C, which is explained, and the terminal is given back", async () => {
  const url = urlOf(freshDatabaseName());
  expect((await run("init", "1.0.0", "--new-database", "--mongo-url", url))?.exitCode).toBe(0);
  const command = `stty cols 40 rows 12; ${process.execPath} ${main} watch --mongo-url '${url}'`;
  const child = startProcess("script", ["-qec", command, "/dev/null"], {
    env: { ...process.env, TERM: "xterm" },
  });
  let text = "";
  child.stdout?.on("data", (data: Buffer) => {
    text += data.toString();
  });
  await until("the view", () => text.includes("no upgrade yet"));
  child.stdin?.write("\u0003");
  expect((await exited(child)).code).toBe(130);
  const [view = "", after = ""] = text.split("\u001b[?1049l");
  expect(view).toContain("\u001b[?1049h");
  expect(view).toContain("Ctrl-C ends");
  expect(after).toContain("interrupted: ");
  expect(after).toContain("agent version 1.0.0, database version 1.0.0");
  expect(after).not.toContain("\u001b");
});
