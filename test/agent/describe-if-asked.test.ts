// Aim: a process that is to describe its build never goes on to be an agent. Method: the function with an exit that
// returns, and with environments that are wrong.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeIfAsked } from "../../src/agent/start/describe-if-asked.ts";

async function ask(build = { version: "1.1.0", steps: [] }) {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-asked-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "steps.json");
  const codes: number[] = [];
  const environment = { LOCKSTEP_DESCRIBE: JSON.stringify({ from: "1.0.0", path }) };
  const act = () => describeIfAsked(build, environment, (code) => void codes.push(code));
  return { act, codes, path };
}

test("it writes the steps down, ends, and does not return where the process has not ended", async () => {
  const { act, codes, path } = await ask();
  expect(act).toThrow(expect.objectContaining({ code: "aborted" }));
  expect(codes).toEqual([0]);
  const found = JSON.parse(await readFile(path, "utf8"));
  expect(found).toMatchObject({ from: "1.0.0", to: "1.1.0", steps: [] });
});

test("a file that is there stays as it is, and no agent starts either", async () => {
  const { act, codes, path } = await ask();
  await writeFile(path, "mine");
  expect(act).toThrow(expect.objectContaining({ code: "file-trouble" }));
  expect([codes, await readFile(path, "utf8")]).toEqual([[], "mine"]);
});

test("a version that is none is refused", async () => {
  const { act } = await ask({ version: "one", steps: [] });
  expect(act).toThrow(expect.objectContaining({ code: "version-not-semver" }));
});

test.each([["yes"], ["null"], ["[]"], ['{"from": "1.0.0"}']])(
  "the variable %s starts no agent",
  (value) => {
    const act = () =>
      describeIfAsked({ version: "1.1.0", steps: [] }, { LOCKSTEP_DESCRIBE: value }, () => {});
    expect(act).toThrow(expect.objectContaining({ code: "bad-argument" }));
  },
);

test("without the variable nothing happens", () => {
  for (const environment of [{}, { LOCKSTEP_DESCRIBE: "" }]) {
    describeIfAsked({ version: "none", steps: [] }, environment, () => expect.unreachable());
  }
});
