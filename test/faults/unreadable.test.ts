// Aim: an entry of the active upgrade's journal that the running build cannot read stops nothing for good: nobody leads
// with it, the status says why and which version can, no launcher gives up, and once a build that can read it is back
// the upgrade goes on. Method: a fleet of real processes; an entry that another build might have written, put into the
// journal by hand while the schema step runs, or while every process is dead; taken out again, it is the build that can.
import type { Document } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { coordinatorId } from "../../src/control/ids.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

let fleet: TestFleet;
beforeAll(async () => {
  fleet = await startTestFleet();
});
afterAll(() => fleet?.stop());

const journal = () => fleet.client.db("lockstep_things").collection("journal");

/** Appends an entry that differs from the last one in what this build knows. */
async function appendForeign(upgradeId: string, change: Document): Promise<() => Promise<unknown>> {
  const actor = coordinatorId(upgradeId);
  for (;;) {
    const [tail] = await journal()
      .find({ "_id.actor": actor })
      .sort({ "_id.actor": -1, "_id.revision": -1 })
      .limit(1)
      .toArray();
    if (!tail) throw new Error("expected a journal");
    const { _id, eventKey: _key, ...fields } = tail;
    const own = { actor, revision: Number((_id as unknown as Document)["revision"]) + 1 };
    const entry = { ...fields, ...change, _id: own as never };
    // The master may have written the next one meanwhile.
    const inserted = await journal()
      .insertOne(entry)
      .then(
        () => true,
        () => false,
      );
    if (inserted) return () => journal().deleteOne({ _id: own as never });
  }
}

/** The state servers have it. It cannot read the entry either. */
const installed = "1.29.0";
const effect = { id: "u/9/0", name: "effectOfTomorrow", params: {} };

test.each([
  [
    "a machine and a protocol, while it runs",
    false,
    "1.1.0",
    { machine: "elsewhere", protocol: 99, build: "9.9.9" },
  ],
  ["an effect, while every process is dead", true, "1.2.0", { effects: [effect], build: "9.9.9" }],
  ["a protocol, of a build that is installed", true, "1.3.0", { protocol: 99, build: installed }],
])(
  "%s: it waits for the version that can read it, and goes on to an end",
  { timeout: 240_000 },
  async (_, isDead, to, change) => {
    await fleet.hold("progress-batch");
    const { upgradeId } = await fleet.fleet.upgrade(to);
    await fleet.reached("progress-batch");
    if (isDead) await Promise.all(fleet.servers.map((server) => server.kill()));
    const takeOut = await appendForeign(upgradeId, change);
    await fleet.release("progress-batch");
    if (isDead) await Promise.all(fleet.servers.map((server) => server.start()));
    const launchers = fleet.servers.map(({ pid }) => pid);
    await fleet.until(
      "the status says why, and each agent is there",
      ({ upgrade, agents, master }) => {
        return (
          upgrade?.reason?.code === "entry-not-readable" &&
          upgrade.reason.message.includes(`it was written by ${change.build}`) &&
          agents.length === 3 &&
          (change.build === installed) === agents.every(({ version }) => version === installed) &&
          agents.every(({ gate, blocked }) => gate === "shut" && blocked?.includes(change.build)) &&
          master?.live !== true
        );
      },
    );
    for (const pid of launchers) expect(signalProcess(pid, 0)).toBe(true);
    await takeOut();
    // All have left the upgrade's version for a build that is not of it: then there is only the way back.
    if (change.build === installed) await fleet.turnedBack(upgradeId, "cannot-start", "1.2.0");
    else await fleet.ended(upgradeId, "done", to);
    expect(fleet.servers.map(({ pid }) => pid)).toEqual(launchers);
  },
);
