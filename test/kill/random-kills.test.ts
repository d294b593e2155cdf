// Aim: whatever is killed with -9 and whenever, an upgrade ends done with each batch once, or rolled back
// with the data as it was. Method: a fleet of real processes; the primary, the master or a peer is killed
// at a moment drawn from a seed that is printed. `npm run kill-every-write` draws twenty, the tests two.
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/ports/clock.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { systemRandom } from "../../src/ports/random.ts";
import { createDraw } from "../simulation/draw.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

const seed = process.env["LOCKSTEP_SEED"] ?? systemRandom.hex(4);
const runs = process.env["LOCKSTEP_KILL"] === "all" ? 20 : 2;

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

async function killPrimary(): Promise<void> {
  const primary = await fleet.set.primary();
  await primary.kill();
  await fleet.set.primary();
  await primary.restart();
}

async function killAgent(isVictim: (agent: string, master: string | undefined) => boolean) {
  const { agents, master } = await fleet.fleet.status();
  const victim = agents.find(({ agent }) => isVictim(agent, master?.agent));
  signalProcess(victim?.pid ?? 0, "SIGKILL");
}

const victims = {
  primary: killPrimary,
  master: () => killAgent((agent, master) => agent === master),
  peer: () => killAgent((agent, master) => agent !== master),
} as const;

test(`kills drawn from seed ${seed}`, { timeout: 3_600_000 }, async () => {
  const draw = createDraw(Number.parseInt(seed, 16));
  for (let run = 1; run <= runs; run += 1) {
    const who = draw.pick(Object.keys(victims) as (keyof typeof victims)[]);
    const turnsBack = draw.chance(0.5);
    const afterMs = draw.below(5_000);
    const what = `seed ${seed}, run ${run}: ${who} after ${afterMs} ms`;
    const from = (await fleet.fleet.status()).versions.agentVersion;
    const before = await fleet.digest();
    const { upgradeId } = await fleet.fleet.upgrade(`1.${run}.${turnsBack ? 1 : 0}`);
    await systemClock.sleep(afterMs);
    await victims[who]();
    const end = await fleet.until(what, ({ upgrade: now }) =>
      now?.upgradeId === upgradeId && now.final ? now : null,
    );
    const version = end?.state === "done" ? (end?.to ?? "") : from;
    await fleet.ended(upgradeId, end?.state ?? "", version);
    if (end?.state === "done") {
      expect(turnsBack, what).toBe(false);
      expect(await fleet.touched(run), what).toEqual([1]);
    } else expect(await fleet.digest(), what).toEqual(before);
  }
});
