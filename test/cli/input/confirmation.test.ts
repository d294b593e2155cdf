// Aim: an upgrade that a person types is confirmed, and a script is never asked. Method: a fleet that says what it was asked
// for; the compiled program on a real terminal (`script`).
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { requireYes } from "../../../src/cli/input/confirmation.ts";
import { exited, runCommand, startProcess } from "../../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../../support/database.ts";
import { until } from "../../support/until.ts";

const main = resolve("dist/src/cli/main.js");

test.each([
  [{}, "yes", true],
  [{}, " yes ", true],
  [{}, "y", false],
  [{}, "", false],
  [{}, null, true],
  [{ yes: true }, "no", true],
  [{ json: true }, "no", true],
])("with %j, the answer %j: goes on is %s", async (options, answer, goesOn) => {
  const asked: string[] = [];
  const question = async (text: string) => {
    asked.push(text);
    return answer;
  };
  const outcome = requireYes("it is down", options, { question });
  if (goesOn) await outcome;
  else {
    await expect(outcome).rejects.toMatchObject({
      ...{ code: "bad-argument", message: expect.stringContaining("nothing was asked for") },
    });
  }
  const isAsked = Object.keys(options).length === 0;
  expect(asked).toEqual(isAsked ? ['it is down; type "yes" to go on: '] : []);
});

/** Runs `upgrade` on a real terminal, and types this answer. */
async function typed(url: string, answer: string) {
  const words = `upgrade 1.1.0 --no-wait --timeout 1s --mongo-url '${url}'`;
  const child = startProcess(
    "script",
    ["-qec", `${process.execPath} ${main} ${words}`, "/dev/null"],
    {
      env: { ...process.env, TERM: "xterm" },
    },
  );
  let text = "";
  child.stdout?.on("data", (data: Buffer) => {
    text += data.toString();
  });
  await until("the question", () => text.includes('type "yes" to go on'));
  child.stdin?.write(`${answer}\r`);
  return { code: (await exited(child)).code, text };
}

test("on a real terminal nothing is asked for before a yes; off it nobody is asked", async () => {
  const name = freshDatabaseName();
  const url = urlOf(name);
  const run = (...words: string[]) =>
    runCommand(process.execPath, [main, ...words, "--mongo-url", url], { timeoutMs: 60_000 });
  expect((await run("init", "1.0.0", "--new-database"))?.exitCode).toBe(0);
  const inbox = (await openClient()).db(`lockstep_${name}`).collection("inbox");
  const no = await typed(url, "no");
  expect([no.code, no.text.includes("nothing was asked for")], no.text).toEqual([2, true]);
  expect(no.text).toContain("the fleet goes to 1.1.0, and the application is down");
  expect(await inbox.countDocuments()).toBe(0);
  // No master answers, and the request is withdrawn.
  expect((await typed(url, "yes")).code).toBe(4);
  expect(await inbox.countDocuments()).toBe(1);
  expect((await run("upgrade", "1.1.0", "--timeout", "1s"))?.exitCode).toBe(4);
  expect(await inbox.countDocuments()).toBe(2);
});
