// Aim: Prometheus itself takes our metrics and our rules, and each alert fires when it should and only then. Method: its own tool,
// promtool, which `.ci/install-system` installs.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMetrics } from "../../src/dashboard/metrics/metrics.ts";
import { silentLog } from "../../src/log.ts";
import { systemClock } from "../../src/ports/clock.ts";
import { runCommand } from "../../src/ports/process.ts";
import { figures, whole } from "../dashboard/full-metrics.ts";

/** Runs a line of a shell with the path of a file as `$0`. */
async function shell(line: string, file = "") {
  const ran = await runCommand("bash", ["-c", line, file], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, said: `${ran?.stdout}${ran?.stderr}` };
}

test("the rules are rules, and each alert fires when it should", async () => {
  const checked = await shell("promtool check rules telemetry/alert-rules.yml");
  expect(checked).toMatchObject({ code: 0 });
  const tested = await shell("promtool test rules test/telemetry/alert-rules.test.yml");
  expect(tested).toMatchObject({ code: 0 });
});

test("the metrics follow its conventions, and any name of an agent can be read", async () => {
  const [first] = whole.agents;
  const agents = first === undefined ? [] : [{ ...first, agent: 'a "1"\\\n' }, ...whole.agents];
  const { text } = await createMetrics({
    fleet: { status: async () => ({ ...whole, agents }), figures: async () => figures },
    ...{ clock: systemClock, log: silentLog },
  })();
  const folder = await mkdtemp(join(tmpdir(), "lockstep-metrics-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "metrics");
  await writeFile(file, text);
  expect(await shell('promtool check metrics < "$0"', file)).toEqual({ code: 0, said: "" });
});
