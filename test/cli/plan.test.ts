// Aim: a plan shows the upgrade that its file then asks for, and the file is refused once the fleet has changed. Method: the
// compiled program beside a fleet of real processes.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FleetRequest } from "../../src/index.ts";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";

const main = resolve("dist/src/cli/main.js");
let world: TestFleet;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-plan-"));
  const step = (version: string) => `{
    name: "items-${version.replaceAll(".", "-")}", version: "${version}", target: "MasterStateServer",
    description: "counts items", async run() {},
  }`;
  await writeFile(
    join(folder, "steps.mjs"),
    `export const steps = [${step("1.1.0")}, ${step("1.2.0")}];`,
  );
  await writeFile(join(folder, "other.mjs"), `export const steps = [${step("1.1.1")}];`);
  world = await startTestFleet();
});
afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function run(...words: string[]) {
  return runIn([process.execPath], ...words);
}
/** Runs a command line after these words, which may set its environment. */
async function runIn([program = "", ...before]: readonly string[], ...words: string[]) {
  const all = [...before, main, ...words, "--mongo-url", world.mongoUrl];
  const ran = await runCommand(program, all, { timeoutMs: 120_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
}
const steps = () => ["--steps", join(folder, "steps.mjs")];
const file = (name: string) => join(folder, name);

test("plan, apply, and the refusal of a plan that is older than an upgrade", async () => {
  const planned = await run(
    "plan",
    "1.1.0",
    ...steps(),
    "--out",
    file("plan"),
    "--deadline",
    "peers=600",
  );
  expect(planned.code, planned.text).toBe(0);
  expect(planned.out).toContain("plan: things from 1.0.0 to 1.1.0\n");
  expect(planned.out).toMatch(/passed {2}the version and the agents: 3 state servers, and each/);
  expect(planned.out).toMatch(
    /passed {2}a majority of the members: 3 healthy members with data; a majority needs 2/,
  );
  expect(planned.out).toMatch(
    /passed {2}the disks of the agents: each needs \d+ MB; free: a1 \d+ MB/,
  );
  expect(planned.out).not.toContain("refused");
  expect((await world.fleet.status()).versions.generation).toBe(1);

  await world.client.db().createCollection("added");
  const changed = await run("apply", file("plan"), ...steps());
  expect([changed.code, changed.text.includes("collections that are new: added")]).toEqual([
    1,
    true,
  ]);
  await world.client.db().dropCollection("added");
  const otherSteps = await run("apply", file("plan"), "--steps", file("other.mjs"));
  expect([otherSteps.code, otherSteps.text.includes("steps that are gone")]).toEqual([1, true]);

  await writeFile(
    file("edited"),
    (await readFile(file("plan"), "utf8")).replaceAll("1.1.0", "1.2.0"),
  );
  const edited = await run("apply", file("edited"), ...steps());
  expect([edited.code, edited.text.includes("changed since")]).toEqual([2, true]);
  const missing = await run("apply", file("nowhere"), ...steps());
  expect([missing.code, missing.text.includes("--out")]).toEqual([2, true]);

  const applied = await run("apply", file("plan"), ...steps());
  expect(applied.code, applied.text).toBe(0);
  expect(applied.out).toContain("accepted as u000002: upgrade 1.0.0 to 1.1.0");
  const again = await run("apply", file("plan"), ...steps());
  expect([again.code, again.text.includes("generation 1, now 2")], again.text).toEqual([1, true]);
  const next = await run("plan", "1.2.0", ...steps(), "--json");
  expect(JSON.parse(next.out)).toMatchObject({ type: "plan", generation: 2, from: "1.1.0" });
});

test("a master refuses a request of another generation, whatever came between the plan and the request", async () => {
  const request: FleetRequest = { kind: "upgrade", to: "1.2.0", deadlines: {}, generation: 99 };
  await expect(world.fleet.request(request)).rejects.toMatchObject({ code: "plan-differs" });
});

test("what cannot be planned, and a plan with a check that is refused, which writes no file", async () => {
  const lower = await run("plan", "1.0.0", ...steps());
  expect([lower.code, lower.text.includes("version-not-higher")]).toEqual([1, true]);
  const none = await run("plan", "1.2.0");
  expect([none.code, none.text.includes("--steps")]).toEqual([2, true]);
  const unknown = await run("plan", "9.0.0", ...steps(), "--out", file("never"));
  expect(unknown.code, unknown.text).toBe(1);
  expect(unknown.out).toMatch(/refused the version and the agents: cannot-start: /);
  await expect(readFile(file("never"))).rejects.toMatchObject({ code: "ENOENT" });
  const upgrade = await run("upgrade", "9.0.0", ...steps(), "--yes");
  expect([upgrade.code, upgrade.text.includes("lockstep: cannot-start: ")], upgrade.text).toEqual([
    1,
    true,
  ]);
});

test("an upgrade with the steps shows its plan, and applies it", async () => {
  const { agentVersion } = (await world.fleet.status()).versions;
  const done = await run("upgrade", "1.3.0", ...steps(), "--yes");
  expect(done.code, done.text).toBe(0);
  const [shown = "", accepted = ""] = done.out.split("accepted as ");
  expect(shown).toContain(`plan: things from ${agentVersion} to 1.3.0\n`);
  expect(accepted).toContain(`upgrade ${agentVersion} to 1.3.0`);
});

test("on a host with a launcher, the build itself describes the steps: as a running agent reports them", async () => {
  const versions = ["--versions", `${world.directoryOf("a1")}.versions.json`];
  const planned = await run("plan", "1.4.0", ...versions, "--out", file("described"));
  expect(planned.code, planned.text).toBe(0);
  expect(planned.out).toContain("items-are-counted-4 (1.4.0, MasterStateServer): adds one");
  expect(planned.out).toContain(`lockstep apply ${file("described")} ${versions.join(" ")}`);
  const { plan } = JSON.parse(await readFile(file("described"), "utf8"));
  const others = await run("apply", file("described"), ...steps());
  expect([others.code, others.text.includes("steps that are gone")], others.text).toEqual([
    1,
    true,
  ]);

  const inEnvironment = ["env", `LOCKSTEP_VERSIONS=${versions[1]}`, process.execPath];
  const applied = await runIn(inEnvironment, "apply", file("described"));
  expect(applied.code, applied.text).toBe(0);
  const journal = world.client.db("lockstep_things").collection("journal");
  const reports = await journal.distinct("event.hash", { "event.type": "started" });
  expect(reports).toContain(plan.stepHash);

  const upgraded = await runIn(inEnvironment, "upgrade", "1.5.0", "--yes");
  expect(upgraded.code, upgraded.text).toBe(0);
  expect(upgraded.out).toContain("plan: things from 1.4.0 to 1.5.0\n");
});

test("a version that is not higher has no plan, and the master says whether it can be taken", async () => {
  const versions = ["--versions", `${world.directoryOf("a1")}.versions.json`];
  const lower = await run("upgrade", "1.4.0", ...versions, "--yes");
  expect([lower.code, lower.text.includes("no way to undo what lies between")], lower.text).toEqual(
    [1, true],
  );
});

test("steps that cannot be found, or that are named twice", async () => {
  const versions = ["--versions", `${world.directoryOf("a1")}.versions.json`];
  const twice = await run("plan", "1.6.0", ...versions, ...steps());
  expect([twice.code, twice.text.includes("got both")], twice.text).toEqual([2, true]);
  const unlisted = await run("upgrade", "9.0.0", ...versions, "--yes", "--json");
  expect([unlisted.code, JSON.parse(unlisted.text).code]).toEqual([1, "cannot-describe"]);
  for (const path of ["no such file.json", "C:\\catalogue\\versions.json", file("steps.mjs")]) {
    const wrong = await run("plan", "1.6.0", "--versions", path);
    expect([wrong.code === 0, wrong.text.includes(path)], wrong.text).toEqual([false, true]);
  }
  expect((await world.fleet.status()).versions.agentVersion).toBe("1.5.0");
});
