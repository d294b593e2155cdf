// Aim: what an operator asks for is answered, refused with a code, or done. Method: one fleet of
// real processes; requests in the states where they matter; an agent that is away.
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

describe("operators and absent agents", () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet();
  });
  afterAll(() => fleet?.stop());
  const refused = (work: Promise<unknown>, code: string) =>
    expect(work).rejects.toMatchObject({ code });

  test("what cannot be accepted is refused, and nothing changes", async () => {
    const before = await fleet.fleet.status();
    await refused(fleet.fleet.upgrade("next"), "version-not-semver");
    await refused(fleet.fleet.upgrade("1.0.0"), "version-not-higher");
    await refused(fleet.fleet.upgrade("0.9.0"), "version-not-higher");
    await refused(fleet.fleet.upgrade("9.0.0"), "cannot-start");
    await refused(fleet.fleet.init("2.0.0"), "version-exists");
    await refused(fleet.fleet.request({ kind: "abort", why: "" }), "no-upgrade");
    await refused(fleet.fleet.request({ kind: "retry" }), "no-upgrade");
    await refused(fleet.fleet.request({ kind: "forget", agent: "a9" }), "unknown-agent");
    await refused(fleet.fleet.request({ kind: "forget", agent: "a1" }), "heartbeat-fresh");
    expect((await fleet.fleet.status()).versions).toEqual(before.versions);
  });

  test("abort after the migration: the data is restored, all is back", async () => {
    const before = await fleet.digest();
    await fleet.hold("local-journal");
    const { upgrade } = await fleet.fleet.upgrade("1.1.0");
    await fleet.reached("local-journal");
    await refused(fleet.fleet.upgrade("1.2.0"), "upgrade-active");
    await fleet.fleet.request({ kind: "abort", why: "second thoughts" });
    await fleet.release("local-journal");
    await fleet.turnedBack(upgrade, "aborted", "1.0.0");
    expect(await fleet.digest()).toEqual(before);
  });

  test("a collection that cannot be carried is refused at preflight by name", async () => {
    const database = fleet.client.db();
    // Too long for a file's name, and stock mongorestore misreads the form in which such a name is cut.
    const tooLong = "%ü".repeat(60);
    await database.createCollection(tooLong);
    await refused(fleet.fleet.upgrade("1.1.0"), "database-not-supported");
    await database.dropCollection(tooLong);
  });

  test("a required agent that is away: turned back; it pays its debt when it returns", async () => {
    const [, , a3] = fleet.servers;
    await fleet.hold("start.a3");
    const { upgrade } = await fleet.fleet.upgrade("1.1.0", { deadlines: { waitingMs: 4_000 } });
    await fleet.reached("start");
    await a3?.kill();
    await fleet.until("rolled back", (status) => {
      return status.upgrade?.upgrade === upgrade && status.upgrade.state === "rolled-back";
    });
    const { agents } = await fleet.fleet.status();
    expect(agents.find(({ agent }) => agent === "a3")?.owes).toBe(upgrade);
    await refused(fleet.fleet.upgrade("1.1.0"), "peers-missing");
    await fleet.release("start.a3");
    await a3?.start();
    await fleet.ended(upgrade, "rolled-back", "1.0.0");
    const back = (await fleet.fleet.status()).agents.find(({ agent }) => agent === "a3");
    expect(back?.owes).toBe(null);
  });

  test("an agent that was forgotten follows the upgrade that it missed", async () => {
    const [, , a3] = fleet.servers;
    await a3?.kill();
    await fleet.until("a3 silent", ({ agents }) => {
      return agents.find(({ agent }) => agent === "a3")?.silent;
    });
    await fleet.fleet.request({ kind: "forget", agent: "a3" });
    const { upgrade } = await fleet.fleet.upgrade("1.1.0");
    await fleet.ended(upgrade, "done", "1.1.0");
    expect((await fleet.fleet.status()).agents).toHaveLength(2);
    await a3?.start();
    await fleet.until("a3 serving 1.1.0", ({ agents }) => {
      const there = agents.find(({ agent }) => agent === "a3");
      return there?.version === "1.1.0" && there.gate === "open";
    });
  });

  test("one that voted and is down at the commit follows when it returns (S12)", async () => {
    const [, , a3] = fleet.servers;
    await fleet.hold("local-journal.a1");
    const { upgrade } = await fleet.fleet.upgrade("1.2.0");
    await fleet.until("a1 alone awaited", ({ upgrade: now }) => {
      return now?.state === "awaiting-peers" && now.waitingFor.join() === "a1";
    });
    await a3?.kill();
    await fleet.release("local-journal.a1");
    await fleet.until("done", ({ upgrade: now }) => {
      return now?.upgrade === upgrade && now.state === "done";
    });
    await a3?.start();
    await fleet.ended(upgrade, "done", "1.2.0");
  });

  test("what another build wrote: an old upgrade keeps nobody from the lease, its own part keeps an agent shut", async () => {
    type Stored = { _id: { actor: string; revision: number }; status?: string };
    const journal = fleet.client.db("lockstep_things").collection<Stored>("journal");
    const foreign = { machine: "elsewhere", protocol: 9, build: "9.0.0" };
    const own = { actor: "agent/a2/u000000", revision: 0 };
    for (const _id of [{ actor: "upgrade/u000000", revision: 0 }, own]) {
      const like = await journal.findOne({ "_id.actor": new RegExp(`^${_id.actor.slice(0, -2)}`) });
      const status = _id === own ? "active" : "done";
      await journal.insertOne({ ...like, ...foreign, status, _id });
    }
    for (const { name } of fleet.servers) signalProcess(await fleet.pidOf(name), "SIGKILL");
    const epoch = (await fleet.fleet.status()).master?.epoch ?? 0;
    await fleet.until("a2 shut with its reason, the others serving, a new master", (status) => {
      const isShut = ({ agent, gate, blocked }: (typeof status.agents)[number]) =>
        agent === "a2" && gate === "shut" && blocked?.includes("9.0.0");
      const isServing = ({ agent, gate }: (typeof status.agents)[number]) =>
        agent !== "a2" && gate === "open";
      const hasMaster = (status.master?.epoch ?? 0) > epoch;
      return hasMaster && status.agents.every((agent) => isShut(agent) || isServing(agent));
    });
    await journal.deleteOne({ _id: own });
    await fleet.until("everybody serving", ({ agents }) =>
      agents.every(({ gate, blocked }) => gate === "open" && blocked === null),
    );
  });

  test("Ctrl-C of `lockstep upgrade`: exit 130, and the upgrade goes on to its end", async () => {
    await fleet.hold("progress-batch");
    const words = ["upgrade", "1.3.0", "--mongo-url", fleet.set.url("things")];
    const child = startProcess(process.execPath, [resolve("dist/src/cli/main.js"), ...words], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await fleet.reached("progress-batch");
    signalProcess(child.pid ?? 0, "SIGINT");
    expect((await exited(child)).code).toBe(130);
    expect(said).toContain("what was accepted goes on");
    const { versions } = await fleet.fleet.status();
    expect(versions.agentVersion).toBe("1.3.0");
    await fleet.release("progress-batch");
    await fleet.ended(versions.upgrade ?? "", "done", "1.3.0");
    expect(await fleet.touched(3)).toEqual([1]);
  });
});
