// Aim: an application that does not drain holds no fleet up, whether it waits for ever or blocks its process.
// Method: one fleet of real processes, two upgrades, and launchers that are killed; the third agent goes wrong as it drains.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet({ drainTimeoutMs: 3_000 });
});
afterAll(() => fleet?.stop());

test.each([
  { how: "waits for ever", file: "drain-hangs.a3", to: "1.1.0" },
  { how: "blocks its process", file: "drain-blocks.a3", to: "1.2.0" },
])("an application that $how as it drains: the upgrade ends done", async ({ file, to }) => {
  const pid = await fleet.pidOf("a3");
  await writeFile(join(fleet.holds, file), "");
  const { upgradeId } = await fleet.fleet.upgrade(to);
  await fleet.until("a3 draining, with its gate open", ({ agents }) => {
    const draining = agents.filter(({ drainingSince }) => drainingSince !== null);
    return draining.some(({ agent, gate }) => agent === "a3" && gate === "open");
  });
  await fleet.ended(upgradeId, "done", to);
  const { agents } = await fleet.fleet.status();
  expect(agents.map(({ drainingSince }) => drainingSince)).toEqual([null, null, null]);
  expect(await fleet.pidOf("a3")).not.toBe(pid);
  expect(await fleet.servers[2]?.lastLines(2_000)).toMatch(/"code":71/);
});

/** Empty where the process has ended, also where nobody has taken note of its end yet. */
const commandLineOf = (pid: number) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");

test.each([
  { how: "drains", agent: "a1", last: /"gate shut"/ },
  { how: "does not drain", agent: "a3", last: /"the application does not drain: leaving/ },
])(
  "a launcher is killed with -9, and its application $how: the next launcher's process comes up once the old one has ended",
  async ({ agent, last }) => {
    if (agent === "a3") await writeFile(join(fleet.holds, "drain-hangs.a3"), "");
    const server = fleet.servers.find(({ name }) => name === agent);
    const before = (await fleet.fleet.status()).agents.find((one) => one.agent === agent);
    const lines = async () => ((await server?.lastLines(100_000)) ?? "").split("\n");
    const begin = (await lines()).length;
    signalProcess(server?.pid ?? 0, "SIGKILL");
    await server?.start();
    await fleet.until("the next process serving", ({ agents }) => {
      const now = agents.find((one) => one.agent === agent);
      return now?.gate === "open" && now.incarnation > (before?.incarnation ?? 0);
    });
    await until(
      "the end of the old one",
      async () => (await commandLineOf(before?.pid ?? 0)) === "",
    );
    const since = (await lines()).slice(begin);
    const told = since.findIndex((line) => line.includes("the launcher has ended: leaving"));
    const ended = since.findIndex((line) => last.test(line));
    const opened = since.findIndex((line) => line.includes('"gate opened"'));
    expect(told).toBeGreaterThanOrEqual(0);
    expect(ended).toBeGreaterThan(told);
    expect(opened).toBeGreaterThan(ended);
  },
);
