// Aim: the command line refuses what it must, with the exit code it promises, and tells no secret.
// Method: the compiled program as a process; a real standalone; a small fake mongos.
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { BSON, MongoClient } from "mongodb";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { startReplicaSet } from "../../src/local/replica-set.ts";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { freshDatabaseName, openClient, urlOf } from "../support/database.ts";
import { startStandalone } from "../support/standalone.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");
const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
};

/** Answers hello as a mongos does, and everything else with ok. */
function startFakeMongos(): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (request) => {
      const legacy = request.readInt32LE(12) === 2004;
      const body = BSON.serialize({
        ok: 1,
        msg: "isdbgrid",
        isWritablePrimary: true,
        ismaster: true,
        helloOk: true,
        maxBsonObjectSize: 16_777_216,
        maxMessageSizeBytes: 48_000_000,
        maxWriteBatchSize: 100_000,
        minWireVersion: 0,
        maxWireVersion: 17,
        localTime: new Date(0),
      });
      const head = Buffer.alloc(16);
      const flags = legacy ? Buffer.alloc(20) : Buffer.alloc(5);
      if (legacy) flags.writeInt32LE(1, 16);
      head.writeInt32LE(16 + flags.length + body.length, 0);
      head.writeInt32LE(request.readInt32LE(4), 8);
      head.writeInt32LE(legacy ? 1 : 2013, 12);
      socket.write(Buffer.concat([head, flags, body]));
    });
  });
  return new Promise((settled) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      settled({ port, close: () => server.close() });
    });
  });
}

describe("lockstep", () => {
  test("says its version", async () => {
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect(await run("--version")).toMatchObject({ code: 0, out: `${version}\n` });
    const launcher = [resolve("dist/src/launcher/main.js"), "--version"];
    const ran = await runCommand(process.execPath, launcher, { timeoutMs: 60_000 });
    expect(ran).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  });

  test("the help of a deadline says what each is, in which unit", async () => {
    const { out } = await run("upgrade", "--help");
    expect(out.replace(/\s+/g, " ")).toMatch(/waiting=900, .* peers=900, .*\(seconds\)/);
  });

  test("an unknown flag is wrong usage, with a suggestion; nothing runs", async () => {
    const { code, text } = await run("status", "--mongo-urll", "mongodb://127.0.0.1:1/x");
    expect(code).toBe(2);
    expect(text).toContain("--mongo-url");
  });

  test("a missing URL, an unknown command, a URL without a database", async () => {
    expect((await run("status")).code).toBe(2);
    expect((await run("statuss", "--mongo-url", "x")).code).toBe(2);
    expect((await run("status", "--mongo-url", "mongodb://127.0.0.1:1/")).code).toBe(2);
  });

  test("an unreachable database: exit 4, and the password is never told", async () => {
    const url = "mongodb://admin:very-secret@127.0.0.1:1/x?replicaSet=rs0";
    const { code, text } = await run("status", "--mongo-url", url, "--timeout", "1");
    expect(code).toBe(4);
    expect(text).toContain("database-unreachable");
    expect(text).not.toContain("very-secret");
  });

  test("a standalone is refused", async () => {
    const alone = await startStandalone({ mongodPath: inject("mongodPath") });
    onTestFinished(() => alone.stop());
    const { code, text } = await run("init", "1.0.0", "--mongo-url", alone.url("x"));
    expect(code).toBe(4);
    expect(text).toContain("not-a-replica-set");
    expect(text).toContain("standalone");
  });

  test("a mongos is refused", async () => {
    const mongos = await startFakeMongos();
    onTestFinished(() => mongos.close());
    const url = `mongodb://127.0.0.1:${mongos.port}/x`;
    const { code, text } = await run("init", "1.0.0", "--mongo-url", url, "--timeout", "5");
    expect(text).toContain("mongos");
    expect(text).toContain("not-a-replica-set");
    expect(code).toBe(4);
  });

  test("no majority: a primary that an arbiter keeps up cannot commit; nothing is filed", async () => {
    const set = await startReplicaSet({ mongodPath: inject("mongodPath"), arbiter: true });
    onTestFinished(() => set.stop());
    const url = set.url("x");
    expect((await run("init", "1.0.0", "--new-database", "--mongo-url", url)).code).toBe(0);
    const primary = await set.primary();
    const [, , arbiter] = set.members;
    await set.members.find((member) => member !== primary && member !== arbiter)?.kill();
    const member = new MongoClient(primary.directUrl);
    onTestFinished(() => member.close());
    await until("the loss to be seen", async () => {
      const { members } = await member.db("admin").command({ replSetGetStatus: 1 });
      return (members as { health: number }[]).some(({ health }) => health === 0);
    });
    const { code, text } = await run("upgrade", "1.1.0", "--mongo-url", url, "--timeout", "5");
    expect(text).toContain("no-majority");
    expect(code).toBe(4);
    expect(text).toContain(primary.host);
  });

  test("seconds that are none", async () => {
    const url = urlOf(freshDatabaseName());
    for (const flag of ["--timeout", "--wait-timeout"]) {
      const { code, text } = await run("upgrade", "1.1.0", "--mongo-url", url, flag, "soon");
      expect([code, text.includes(flag)], flag).toEqual([2, true]);
    }
  });

  test("no version; init; status and history as JSON; a second version is refused", async () => {
    const url = urlOf(freshDatabaseName());
    const none = await run("status", "--mongo-url", url);
    expect([none.code, none.text.includes("no-version")]).toEqual([1, true]);
    expect((await run("init", "one", "--mongo-url", url)).code).toBe(2);
    expect((await run("init", "1.0.0", "--new-database", "--mongo-url", url)).code).toBe(0);
    expect((await run("init", "1.0.0", "--mongo-url", url)).code).toBe(0);
    const second = await run("init", "2.0.0", "--mongo-url", url);
    expect([second.code, second.text.includes("version-exists")]).toEqual([1, true]);
    const status = JSON.parse((await run("status", "--json", "--mongo-url", url)).out);
    expect(status.versions).toMatchObject({ agentVersion: "1.0.0", databaseVersion: "1.0.0" });
    expect((await run("history", "--mongo-url", url)).code).toBe(0);
    const explained = await run("explain", "--mongo-url", url);
    expect([explained.code, explained.out]).toEqual([
      0,
      "the fleet\nnothing has failed\nsafe now\n  the fleet is on 1.0.0, and nothing is under way\n",
    ]);
    const stranger = await run("explain", "a9", "--json", "--mongo-url", url);
    expect([stranger.code, JSON.parse(stranger.text).code]).toEqual([1, "unknown-agent"]);
  });

  test("nobody answers: the request is withdrawn, and no later master serves it", async () => {
    const name = freshDatabaseName();
    expect((await run("init", "1.0.0", "--new-database", "--mongo-url", urlOf(name))).code).toBe(0);
    const words = ["upgrade", "1.1.0", "--mongo-url", urlOf(name), "--timeout", "1"];
    const unheard = await run(...words);
    expect([unheard.code, unheard.text.includes("no-master")]).toEqual([4, true]);
    const client = await openClient();
    const filed = await client.db(`lockstep_${name}`).collection("inbox").find().toArray();
    expect(filed).toMatchObject([{ answer: { ok: false, code: "no-master" } }]);
  });

  test("a database from whose name no other can be made needs a fleet's name, and is taken with one", async () => {
    const name = `${freshDatabaseName()}${"x".repeat(40)}`;
    const url = urlOf(name);
    const { code, text } = await run("init", "1.0.0", "--mongo-url", url);
    expect([code, text.includes("a fleet's name of 1 to 44 bytes")], text).toEqual([2, true]);
    const named = await run(
      ...["init", "1.0.0", "--new-database", "--mongo-url", url, "--fleet", name.slice(0, 44)],
    );
    expect(named.code, named.text).toBe(0);
  });

  test.each(["admin", "lockstep", "Lockstep_main", "x".repeat(64)])(
    "a database that cannot be an application's: %s",
    async (name) => {
      const words = ["--mongo-url", urlOf(name), "--fleet", "main"];
      const { code, text } = await run("init", "1.0.0", ...words);
      expect([code, text.includes("bad-argument")], text).toEqual([2, true]);
    },
  );

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s while nobody answers yet: what was asked for is withdrawn",
    async (signal) => {
      const name = freshDatabaseName();
      expect((await run("init", "1.0.0", "--new-database", "--mongo-url", urlOf(name))).code).toBe(
        0,
      );
      const words = [main, "upgrade", "1.1.0", "--no-wait", "--mongo-url", urlOf(name)];
      const child = startProcess(process.execPath, words, { stdio: "ignore" });
      const client = await openClient();
      const inbox = client.db(`lockstep_${name}`).collection("inbox");
      await until("it is filed", async () => (await inbox.countDocuments()) === 1);
      signalProcess(child.pid ?? 0, signal);
      expect((await exited(child)).code).toBe(130);
      expect(await inbox.countDocuments({ "answer.code": "no-master" })).toBe(1);
    },
  );

  test("a deadline that is none", async () => {
    const url = urlOf(freshDatabaseName());
    const { code, text } = await run("upgrade", "1.1.0", "--mongo-url", url, "--deadline", "x=1");
    expect([code, text.includes("bad-argument")]).toEqual([2, true]);
  });
});

test("an error names its heading in the documents, as text and as JSON", async () => {
  const words = ["backup", "show", ".hidden", "--directory", "."];
  const { code, text } = await run(...words);
  expect([code, text.trimEnd().split("\n").at(-1)]).toEqual([2, "see docs/errors.md#bad-argument"]);
  const { text: json } = await run(...words, "--json");
  const docs = "docs/errors.md#bad-argument";
  expect(JSON.parse(json)).toMatchObject({ type: "error", code: "bad-argument", docs });
});
