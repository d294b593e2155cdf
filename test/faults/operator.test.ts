// Aim: what an operator asks for is answered, refused with a code, or done. Method: one fleet of
// real processes; requests in the states where they matter; an agent that is away.
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { itemsCount } from "../support/start-fleet.ts";

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
    // No step lies between.
    await refused(fleet.fleet.upgrade("0.9.0"), "cannot-start");
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
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.reached("local-journal");
    await refused(fleet.fleet.upgrade("1.2.0"), "upgrade-active");
    await fleet.fleet.request({ kind: "abort", why: "second thoughts" });
    await fleet.release("local-journal");
    await fleet.turnedBack(upgradeId, "aborted", "1.0.0");
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
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0", { deadlines: { waitingMs: 4_000 } });
    await fleet.reached("start");
    await a3?.kill();
    await fleet.until("rolled back", (status) => {
      return status.upgrade?.upgradeId === upgradeId && status.upgrade.state === "rolled-back";
    });
    const { agents } = await fleet.fleet.status();
    expect(agents.find(({ agent }) => agent === "a3")?.owes).toBe(upgradeId);
    await refused(fleet.fleet.upgrade("1.1.0"), "peers-missing");
    await fleet.release("start.a3");
    await a3?.start();
    await fleet.ended(upgradeId, "rolled-back", "1.0.0");
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
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.ended(upgradeId, "done", "1.1.0");
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
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
    await fleet.until("a1 alone awaited", ({ upgrade: now }) => {
      return now?.state === "awaiting-peers" && now.waitingFor.join() === "a1";
    });
    await a3?.kill();
    await fleet.release("local-journal.a1");
    await fleet.until("done", ({ upgrade: now }) => {
      return now?.upgradeId === upgradeId && now.state === "done";
    });
    await a3?.start();
    await fleet.ended(upgradeId, "done", "1.2.0");
  });

  test("what another build wrote: an old upgrade keeps nobody from the lease, its own part keeps an agent shut", async () => {
    type Stored = { _id: { actor: string; revision: number }; status?: string };
    const journal = fleet.client.db("lockstep_things").collection<Stored>("journal");
    const foreign = { machine: "elsewhere", protocol: 9, build: "9.0.0" };
    const own = { actor: "participant/a2/u000000", revision: 0 };
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
    expect(said).toContain("a request that a master has accepted goes on");
    const { versions } = await fleet.fleet.status();
    expect(versions.agentVersion).toBe("1.3.0");
    await fleet.release("progress-batch");
    await fleet.ended(versions.upgradeId ?? "", "done", "1.3.0");
    expect(await fleet.touched(3)).toEqual([1]);
  });

  test("`lockstep upgrade` waits until the required agents serve: an exit code of its own without one; the downtime with all", async () => {
    const run = async (...words: string[]) => {
      const url = ["--mongo-url", fleet.set.url("things")];
      const main = resolve("dist/src/cli/main.js");
      const ran = await runCommand(process.execPath, [main, ...words, ...url], {
        timeoutMs: 120_000,
      });
      return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
    };
    await fleet.hold("unfit.1.4.0.a2");
    const unfit = await run("upgrade", "1.4.0", "--serving-timeout", "3");
    expect(unfit.code, unfit.text).toBe(8);
    expect(unfit.text).toMatch(/waits for (a\d.*, )?a2 to serve \(/);
    expect(unfit.text).toMatch(/committed, but not serving: a2 \(.+\)\n$/);
    await fleet.release("unfit.1.4.0.a2");
    await fleet.until("a2 serving", ({ upgrade }) => upgrade?.notServing.length === 0);
    const fit = await run("upgrade", "1.5.0");
    expect(fit.code, fit.text).toBe(0);
    const { upgrade, agents } = await fleet.fleet.status();
    expect(agents.map(({ gate }) => gate)).toEqual(["open", "open", "open"]);
    // From the facts of the journal: after the acceptance, and until after the commit.
    const [past, last] = (await fleet.fleet.history()).slice(-2);
    const { from, until } = upgrade?.downtime ?? {};
    expect(last?.downtime).toEqual({ from, until });
    expect(from).toBeGreaterThanOrEqual(last?.startedAt ?? 0);
    expect(from).toBeLessThanOrEqual(last?.states[1]?.at ?? 0);
    expect(until).toBeGreaterThanOrEqual(last?.states.at(-1)?.at ?? Infinity);
    expect(past?.downtime.until).toBeGreaterThanOrEqual(past?.states.at(-1)?.at ?? Infinity);
    expect(fit.text).toMatch(/^ {2}down {9}\d.* from the first gate that began to shut/m);
    expect((await run("history")).text).toMatch(/^u\d+ .*done .*, took .*, down \d.*, epochs/m);
  });

  test("progress: in the rehearsal, in the migration with the rehearsal's totals, and through a takeover", async () => {
    const number = Number((await fleet.fleet.status()).versions.agentVersion.split(".")[1]) + 1;
    const progressAt = async (name: string) => {
      await fleet.reached(name);
      return (await fleet.fleet.status()).upgrade?.progress;
    };
    const step = { step: 1, steps: 1, stepName: `items-are-counted-${number}` };
    const all = { ...step, operation: "addIndex items", documents: itemsCount };
    await fleet.hold("add-index");
    const { upgradeId } = await fleet.fleet.upgrade(`1.${number}.0`);
    const rehearsed = await progressAt("add-index");
    expect(rehearsed).toMatchObject({ ...all, batchesTotal: null, documentsTotal: null });
    const batches = rehearsed?.batches ?? 0;
    expect(batches).toBeGreaterThan(0);
    await fleet.hold("progress-batch");
    await fleet.release("add-index");
    const totals = { batchesTotal: batches, documentsTotal: itemsCount };
    expect(await progressAt("progress-batch")).toMatchObject({
      ...{ ...step, ...totals, batches: 0, documents: 0, documentsPerSecond: null },
      etaMs: { least: expect.any(Number), most: expect.any(Number) },
    });
    await fleet.hold("add-index");
    await fleet.release("progress-batch");
    const migrated = await progressAt("add-index");
    expect(migrated).toMatchObject({ ...all, ...totals, batches });
    const { master } = await fleet.fleet.status();
    signalProcess(await fleet.pidOf(master?.agent ?? ""), "SIGKILL");
    await fleet.until("a takeover", (now) => (now.master?.epoch ?? 0) > (master?.epoch ?? 0));
    await fleet.hold("add-index");
    const later = await progressAt("add-index");
    expect(later).toMatchObject({ ...all, ...totals, batches });
    // The time between the two processes is none in which somebody has worked.
    expect(later?.documentsPerSecond).toBeGreaterThan(0);
    await fleet.release("add-index");
    await fleet.ended(upgradeId, "done", `1.${number}.0`);
    expect((await fleet.fleet.status()).upgrade?.progress).toBe(null);
  });

  test("a master that is dead is shown as such once its lease has run out", async () => {
    for (const server of fleet.servers) await server.kill();
    await fleet.until("the lease to run out", ({ master, now }) => {
      return master?.leaseUntil !== undefined && (master?.leaseUntil ?? now) <= now;
    });
    const ran = await runCommand(
      process.execPath,
      [resolve("dist/src/cli/main.js"), "status", "--mongo-url", fleet.set.url("things")],
      { timeoutMs: 60_000 },
    );
    expect(ran?.stdout).toMatch(/^no master: the lease of a\d \(epoch \d+\) ran out \d/m);
  });
});
