// Aim: a master whose whole host is cut off from the network, both ways or one way only, is succeeded,
// and each batch counts once. Method: agent and member of each host in a network namespace of its own
// (needs root to make them), joined in a middle one; a link down, or routes that drop what is said.
import { resolve } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";

const prefix = `lockstep${process.pid}`;
const middle = `${prefix}m`;
const hosts = [1, 2, 3];
const namespaces = [middle, ...hosts.map((number) => `${prefix}h${number}`)];

async function ip(words: string): Promise<void> {
  const ran = await runCommand("ip", words.split(" "), { timeoutMs: 10_000 });
  expect(ran?.exitCode, `ip ${words}: ${ran?.stderr}`).toBe(0);
}

/** Ends what runs in the namespaces and removes them when we are done, or gone without a word. */
function startSweeper(): () => Promise<void> {
  const sweep = namespaces.map(
    (name) => `ip netns pids ${name} | xargs -r kill -9; ip netns del ${name}`,
  );
  const program = `trap "" INT TERM HUP; cat >/dev/null; ${sweep.join("; ")}`;
  const sweeper = startProcess("sh", ["-c", program], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  return async () => {
    sweeper.stdin?.end();
    await exited(sweeper);
  };
}

async function joinNetwork(): Promise<void> {
  for (const name of namespaces) {
    await ip(`netns add ${name}`);
    await ip(`-n ${name} link set lo up`);
  }
  await ip(`-n ${middle} link add bridge type bridge`);
  await ip(`-n ${middle} addr add 10.77.0.254/24 dev bridge`);
  await ip(`-n ${middle} link set bridge up`);
  for (const number of hosts) {
    const host = `${prefix}h${number}`;
    await ip(`-n ${middle} link add to${number} type veth peer name out netns ${host}`);
    await ip(`-n ${middle} link set to${number} master bridge`);
    await ip(`-n ${middle} link set to${number} up`);
    await ip(`-n ${host} addr add 10.77.0.${number}/24 dev out`);
    await ip(`-n ${host} link set out up`);
  }
}

test("the master's host is cut off, both ways and one way", { timeout: 600_000 }, async () => {
  onTestFinished(startSweeper());
  await joinNetwork();
  const program = resolve("dist/test/privileged/fixtures/partitioned-hosts.js");
  const ran = await runCommand(
    "ip",
    ["netns", "exec", middle, process.execPath, program, prefix, inject("mongodPath")],
    { timeoutMs: 580_000 },
  );
  expect(ran?.exitCode, ran?.stderr).toBe(0);
  const results = JSON.parse(ran?.stdout ?? "[]") as { way: string; epochs: number }[];
  expect(results).toMatchObject([
    { way: "both ways", touched: [1] },
    { way: "one way", touched: [1] },
  ]);
  // Each was really succeeded in the middle of it.
  for (const { epochs } of results) expect(epochs).toBeGreaterThan(1);
});
