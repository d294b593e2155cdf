// Aim: whoever dies before or after any durable write of an upgrade, or loses its answer, the upgrade ends
// by itself as it would have, with exact data and files (S7, S9, L1, L3). Method: the simulation's fleet
// of three without other faults; one run counts the writes, then one run for each and each way to
// interrupt it. `npm run kill-every-write` takes every write; the tests a fixed slice of them.
import { describe, expect, test } from "vitest";
import { interruptions } from "./interrupted-host.ts";
import { runInterrupted, scenarios } from "./interrupted-upgrade.ts";

const all = process.env["LOCKSTEP_KILL"] === "all";
/** Of the writes of a slice one in so many: a prime, so that it does not follow any rhythm of theirs. */
const strideOfSlice = 31;

describe.each(Object.entries(scenarios))("an upgrade that is %s", (name, scenario) => {
  test("ends, whichever write is interrupted", { timeout: 3_600_000 }, async () => {
    const whole = await runInterrupted(scenario, null);
    expect(whole.problems).toEqual([]);
    expect(whole.writes.length).toBeGreaterThan(40);
    const failures: string[] = [];
    for (let at = 1; at <= whole.writes.length; at += all ? 1 : strideOfSlice) {
      for (const kind of interruptions) {
        const { problems } = await runInterrupted(scenario, { at, kind });
        if (problems.length === 0) continue;
        failures.push(`${kind} ${at}, ${whole.writes[at - 1]}: ${problems.join("; ")}`);
      }
    }
    if (all)
      process.stdout.write(
        `${name}: ${whole.writes.length} writes, each in ${interruptions.length} ways\n`,
      );
    expect(failures).toEqual([]);
  });
});
