// Aim: credentials and TLS in the URL carry a whole upgrade and a whole restore, and no word of the
// password is told. Method: a fleet of real processes on a set that wants both; its logs are read.
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { secureWith } from "../support/secure.ts";

const password = "p@ss/word:?#-never-told";

describe("a set with TLS and users", () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startTestFleet({
      secure: secureWith({ password }),
    });
  });
  afterAll(() => fleet?.stop());

  test("an upgrade, and a way back with a restore", async () => {
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.ended(upgradeId, "done", "1.1.0");
    const before = await fleet.digest();
    const second = await fleet.fleet.upgrade("1.2.1");
    await fleet.turnedBack(second.upgradeId, "step-failed", "1.1.0");
    expect(await fleet.digest()).toEqual(before);
  });

  test("the command line; a wrong password; TLS left out: none of them tells it", async () => {
    const main = resolve("dist/src/cli/main.js");
    const url = fleet.set.url("things");
    const ask = async (mongoUrl: string) => {
      const ran = await runCommand(
        process.execPath,
        [main, "status", "--mongo-url", mongoUrl, "--timeout", "3"],
        { timeoutMs: 30_000 },
      );
      return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}` };
    };
    const secret = encodeURIComponent(password);
    const answers = [
      await ask(url),
      await ask(url.replace(secret, "wrong-one")),
      await ask(url.replace("&tls=true", "&tls=false").replace(/&tlsCAFile=[^&]*/, "")),
    ];
    expect(answers.map(({ code }) => code)).toEqual([0, 4, 4]);
    expect(answers[1]?.text).toContain("Authentication failed");
    const logs = await Promise.all(fleet.servers.map((server) => server.lastLines(100_000)));
    expect(logs.join("").length).toBeGreaterThan(1_000);
    for (const text of [...answers.map((answer) => answer.text), ...logs]) {
      expect(text).not.toContain("never-told");
      expect(text).not.toContain("wrong-one");
    }
  });
});
