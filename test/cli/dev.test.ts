// Aim: `lockstep dev` runs a real set until it is interrupted, keeps its data where that is asked for, says each trouble by a
// code, and leaves no process behind. Method: the compiled program and real mongods; their process ids and folders afterwards.
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import { beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { startGuard } from "../../src/local/guard.ts";
import { loopback, startMember } from "../../src/local/mongod-process.ts";
import { exited, runCommand, signalProcess, startProcess } from "../../src/ports/process.ts";
import { schemaTrouble } from "../support/output-schemas.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");
let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-dev-test-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

interface Line {
  readonly type: string;
  readonly url: string;
  readonly directory: string;
  readonly isNew: boolean;
  readonly members: readonly { readonly name: string; readonly pid: number }[];
  readonly member: string;
  readonly ended: string;
}

const isThere = (pid: number) => signalProcess(pid, 0);
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

let nextPort = 20_000 + (process.pid % 10_000);

/** The first of so many consecutive free ports, which no earlier call has given. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = nextPort;
    nextPort += count;
    const servers = await Promise.all(
      Array.from({ length: count }, (_, index) => listen(first + index)),
    );
    for (const server of servers) server?.close();
    if (!servers.includes(null)) return first;
  }
}

function listen(port: number) {
  const server = createServer();
  return new Promise<typeof server | null>((settle) => {
    server.once("error", () => settle(null)).listen(port, "127.0.0.1", () => settle(server));
  });
}

/** Starts the command. It ends with the test. */
function start(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const child = startProcess(process.execPath, [main, "dev", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LOCKSTEP_MONGOD: inject("mongodPath"), ...environment },
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await exited(child);
  });
  let text = "";
  const keep = (chunk: Buffer) => {
    text += String(chunk);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const lines = () =>
    text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line);
  const line = (type: string, number = 0) =>
    until(`${type} in ${JSON.stringify(words)}`, () => {
      if (child.exitCode !== null) throw new Error(`it has ended: ${text}`);
      return lines().filter((each) => each.type === type)[number];
    });
  return {
    child,
    text: () => text,
    up: () => line("dev"),
    line,
    async end(signal: NodeJS.Signals) {
      child.kill(signal);
      return (await exited(child)).code;
    },
  };
}

/** A command that ends by itself, with its code, and with the error that it printed. */
async function refused(words: readonly string[], environment?: Readonly<Record<string, string>>) {
  const { child, text } = start([...words, "--json"], environment);
  const { code } = await exited(child);
  await until("its last words", () => text().endsWith("\n"));
  const error = JSON.parse(text().trim().split("\n").at(-1) ?? "") as { code: string };
  return { exitCode: code, code: error.code, text: text() };
}

const small = async () => ["--members", "1", "--port", String(await freePorts(1))];

async function withDocuments<Result>(
  url: string,
  act: (collection: ReturnType<ReturnType<MongoClient["db"]>["collection"]>) => Promise<Result>,
): Promise<Result> {
  const client = new MongoClient(url);
  try {
    return await act(client.db().collection("films"));
  } finally {
    await client.close();
  }
}
const write = (url: string) =>
  withDocuments(url, (films) => films.insertOne({}, { writeConcern: { w: "majority" } }));
const count = (url: string) => withDocuments(url, (films) => films.countDocuments());

describe("a set", () => {
  test("of three members serves until Ctrl-C, and leaves neither a process nor a folder", async () => {
    const { up, end, text } = start(["--json", "--port", String(await freePorts(3))]);
    const { url, directory, members } = await up();
    expect(members.map(({ name }) => name)).toEqual(["m1", "m2", "m3"]);
    await write(url);
    expect(await end("SIGINT")).toBe(0);
    expect(text()).toContain('"message":"the replica set ends"');
    expect(members.filter(({ pid }) => isThere(pid))).toEqual([]);
    expect(await exists(directory)).toBe(false);
  });

  test("shows a person what to type next, and that works", async () => {
    const { text } = start(await small());
    await until("the hint", () => text().includes("Ctrl-C ends the set\n"));
    const [, url = ""] = /export LOCKSTEP_MONGO_URL="(.*)"/.exec(text()) ?? [];
    const [, next = ""] = /npx lockstep (.*)\n/.exec(text()) ?? [];
    const environment = `LOCKSTEP_MONGO_URL=${url}`;
    const words = [environment, process.execPath, main, ...next.split(" ")];
    const ran = await runCommand("env", words, { timeoutMs: 60_000 });
    expect([ran?.stdout, ran?.exitCode]).toEqual(["the fleet is on 1.0.0\n", 0]);
  });

  test("keeps its data in a folder, also on another port and after kill -9", async () => {
    const folder = join(root, "my data");
    const on = ["--json", "--data-dir", folder];
    const first = start([...(await small()), ...on]);
    const { url, isNew } = await first.up();
    await write(url);
    expect([isNew, await first.end("SIGTERM")]).toEqual([true, 0]);

    const second = start([...(await small()), ...on]);
    const again = await second.up();
    expect([again.isNew, again.url === url, await count(again.url)]).toEqual([false, false, 1]);
    await write(again.url);
    await second.end("SIGKILL");
    await until("the mongod gone", () => again.members.every(({ pid }) => !isThere(pid)));

    const third = start([...(await small()), "--data-dir", folder]);
    await until("the hint", () => third.text().includes("npx lockstep status\n"));
    const [, last = ""] = /export LOCKSTEP_MONGO_URL="(.*)"/.exec(third.text()) ?? [];
    expect(await count(last)).toBe(2);
    expect(await third.end("SIGINT")).toBe(0);
    expect((await readdir(folder)).toSorted()).toEqual([
      ...["lock", "m1", "m1.log", "replica-set.json"],
    ]);
  });

  test("of three members moves to other ports with its data", async () => {
    const on = ["--json", "--data-dir", join(root, "data"), "--port"];
    const first = start([...on, String(await freePorts(3))]);
    await write((await first.up()).url);
    await first.end("SIGINT");
    const second = start([...on, String(await freePorts(3))]);
    expect(await count((await second.up()).url)).toBe(1);
  });

  test("without a parent's care: kill -9 leaves nothing of a temporary set", async () => {
    const { up, end } = start([...(await small()), "--json"]);
    const { directory, members } = await up();
    await end("SIGKILL");
    await until("the mongod gone", () => members.every(({ pid }) => !isThere(pid)));
    await until("the folder gone", async () => !(await exists(directory)));
  });

  test("that is interrupted while it starts ends at once, and leaves nothing", async () => {
    const folder = join(root, "data");
    const { child, end } = start([...(await small()), "--json", "--data-dir", folder]);
    await until("a mongod", () => exists(join(folder, "m1.log")));
    await until("its lock", () => exists(join(folder, "m1", "mongod.lock")));
    expect(await end("SIGINT")).toBe(130);
    expect(child.exitCode).toBe(130);
    const pid = Number(await readFile(join(folder, "m1", "mongod.lock"), "utf8"));
    if (pid > 0) await until("the mongod gone", () => !isThere(pid));
  });
});

describe("a member that dies", () => {
  test("is started again with its data", async () => {
    const { up, line, end } = start([...(await small()), "--json"]);
    const { url, members } = await up();
    await write(url);
    signalProcess(members[0]?.pid ?? 0, "SIGKILL");
    const said = [await up(), await line("member"), await line("notice")];
    expect(said.map((each) => schemaTrouble("dev", each))).toEqual([null, null, null]);
    expect(said[1]).toMatchObject({ member: "m1", ended: "SIGKILL" });
    await until("the set", () => count(url).catch(() => 0));
    expect(await count(url)).toBe(1);
    expect(await end("SIGINT")).toBe(0);
  });

  test("and cannot come back ends the set, with the reason", async () => {
    const { child, up, text } = start([...(await small()), "--json"]);
    const { directory, members } = await up();
    await rm(join(directory, "m1"), { recursive: true });
    await writeFile(join(directory, "m1"), "no folder");
    signalProcess(members[0]?.pid ?? 0, "SIGKILL");
    expect((await exited(child)).code).toBe(1);
    await until("its last words", () => text().endsWith("\n"));
    const last = JSON.parse(text().trim().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ code: "mongod-does-not-run" });
    expect(await exists(directory)).toBe(false);
  });
});

describe("a set that cannot start", () => {
  test("since a port is taken: nothing is started, and nothing stays locked", async () => {
    const port = await freePorts(3);
    const other = await listen(port + 1);
    onTestFinished(() => void other?.close());
    const words = ["--port", String(port), "--data-dir", root];
    expect(await refused(words)).toMatchObject({ exitCode: 1, code: "port-taken" });
    expect((await readdir(root)).toSorted()).toEqual(["lock", "replica-set.json"]);
  });

  test("since its folder is in use by another one", async () => {
    const folder = join(root, "data");
    const first = start([...(await small()), "--json", "--data-dir", folder]);
    await first.up();
    const second = await refused([...(await small()), "--data-dir", folder]);
    expect(second).toMatchObject({ exitCode: 1, code: "directory-taken" });
    expect(second.text).toContain(`process ${first.child.pid} `);
  });

  test("since no mongod is there, or another program, or one that is too old", async () => {
    const script = join(root, "mongod");
    const nowhere = await refused(await small(), { LOCKSTEP_MONGOD: join(root, "nowhere") });
    expect(nowhere).toMatchObject({ exitCode: 1, code: "mongod-not-found" });
    await writeFile(script, "#!/bin/sh\necho hello\n");
    await chmod(script, 0o755);
    const other = await refused([...(await small()), "--mongod", script]);
    expect(other).toMatchObject({ exitCode: 1, code: "mongod-does-not-run" });
    await writeFile(script, "#!/bin/sh\necho db version v5.0.31\n");
    const old = await refused([...(await small()), "--mongod", script]);
    expect(old).toMatchObject({ exitCode: 1, code: "database-not-supported" });
  });

  test("since its folder holds something else: nothing is written there", async () => {
    await writeFile(join(root, "letter.txt"), "dear");
    const { text, ...found } = await refused([...(await small()), "--data-dir", root]);
    expect(found).toEqual({ exitCode: 2, code: "bad-argument" });
    expect(text).toContain("something else (letter.txt)");
    expect(await readdir(root)).toEqual(["letter.txt"]);
    const file = await refused([...(await small()), "--data-dir", join(root, "letter.txt")]);
    expect(file).toMatchObject({ exitCode: 1, code: "file-trouble" });
  });

  test.each([
    ['{"replicaSet": "rs0", "members": 1}', 'the set \\"rs0\\"', 2, "bad-argument"],
    ['{"replicaSet": "lockstep", "members": 3}', "--members 3", 2, "bad-argument"],
    ['{"members": 1}', "replicaSet: expected a text", 2, "bad-argument"],
    ["{", "holds no JSON", 1, "file-trouble"],
  ])("since its folder says %s", async (facts, words, exitCode, code) => {
    await writeFile(join(root, "replica-set.json"), facts);
    const found = await refused([...(await small()), "--data-dir", root]);
    expect(found).toMatchObject({ exitCode, code });
    expect(found.text).toContain(words);
  });

  test("since the data is that of a set of another name, whatever its folder says", async () => {
    const guard = startGuard(null);
    onTestFinished(() => guard.release());
    await mkdir(join(root, "data"));
    const member = await startMember({
      ...{ name: "m1", mongodPath: inject("mongodPath"), directory: join(root, "data"), guard },
      ...{ arguments: ["--replSet", "rs0"], urlOptions: "", place: loopback },
    });
    const client = new MongoClient(member.directUrl);
    await client.db("admin").command({
      replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: member.host }] },
    });
    await client.close();
    await member.end();
    await writeFile(
      join(root, "data", "replica-set.json"),
      '{"replicaSet": "lockstep", "members": 1}',
    );
    const found = await refused([...(await small()), "--data-dir", join(root, "data")]);
    expect(found).toMatchObject({ exitCode: 2, code: "bad-argument" });
    expect(found.text).toContain('found the set \\"rs0\\"');
  });

  test.each([
    [["--members", "2"], "--members 1 or 3"],
    [["--port", "0"], "--port from 1 to 65533"],
    [["--port", "65534"], "--port from 1 to 65533"],
    [["--port", "abc"], "--port"],
  ])("with the arguments %j", async (words, expected) => {
    const found = await refused(words);
    expect(found).toMatchObject({ exitCode: 2, code: "bad-argument" });
    expect(found.text).toContain(expected);
  });
});
