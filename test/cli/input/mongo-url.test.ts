// Aim: credentials need not stand on any command line: they come from a file or from the environment, also by way of the
// launcher. Method: the compiled programs as processes; /proc says what every user of the host can see of them.
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findMongoUrl } from "../../../src/cli/input/mongo-url.ts";
import { type ChildProcess, exited, startProcess } from "../../../src/ports/process.ts";
import { freshDatabaseName, urlOf } from "../../support/database.ts";
import { until } from "../../support/until.ts";

const secret = "very-secret";
const away = `mongodb://admin:${secret}@127.0.0.1:1/x?replicaSet=rs0`;

async function folder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "lockstep-url-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

async function urlFile(url: string): Promise<string> {
  const path = join(await folder(), "url");
  await writeFile(path, `${url}\n`, { mode: 0o600 });
  return path;
}

function start(words: readonly string[], mongoUrl?: string): ChildProcess {
  const { LOCKSTEP_MONGO_URL: _inherited, ...environment } = process.env;
  const child = startProcess(process.execPath, words, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environment, ...(mongoUrl === undefined ? {} : { LOCKSTEP_MONGO_URL: mongoUrl }) },
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited(child);
  });
  return child;
}

const main = resolve("dist/src/cli/main.js");

async function run(words: readonly string[], mongoUrl?: string) {
  const child = start([main, ...words], mongoUrl);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const { code } = await exited(child);
  return { code, text };
}

const commandLineOf = (pid: number | undefined) => readFile(`/proc/${pid}/cmdline`, "utf8");

test("the command line comes before the file, the file before the environment", async () => {
  const environment = { LOCKSTEP_MONGO_URL: " mongodb://environment/x\n" };
  const mongoUrlFile = await urlFile("mongodb://file/x");
  const mongoUrl = "mongodb://flag/x";
  const find = async (options: object, found = environment as Record<string, string>) =>
    (await findMongoUrl(options, found)).url;
  expect(await find({ mongoUrl, mongoUrlFile })).toBe(mongoUrl);
  expect(await find({ mongoUrlFile })).toBe("mongodb://file/x");
  expect(await find({})).toBe("mongodb://environment/x");
  for (const empty of [{}, { LOCKSTEP_MONGO_URL: "" }]) {
    await expect(find({}, empty as Record<string, string>)).rejects.toMatchObject({
      code: "bad-argument",
      message: expect.stringContaining("--mongo-url-file"),
    });
  }
});

test("every command that needs a database takes it from the environment", async () => {
  const root = await folder();
  const files = ["--directory", root];
  const commands = [
    ...[["init", "1.0.0"], ["upgrade", "1.1.0"], ["status"], ["history"], ["abort"], ["retry"]],
    ...[["forget", "a1"], ["allow-writes"], ["backup", "create", "b1", ...files]],
    ["restore", "b1", "--to-db", "y", ...files],
    ["rehearse", "1.1.0", "--steps", "s.js", ...files],
  ];
  for (const command of commands) {
    const ran = await run([...command, "--timeout", "0.2"], away);
    expect([ran.code, ran.text], command.join(" ")).toEqual([
      4,
      expect.stringContaining("database-unreachable"),
    ]);
    expect(ran.text).not.toContain(secret);
  }
});

test("a URL from a file or the environment works on a real set; a wrong one names its source", async () => {
  const url = urlOf(freshDatabaseName());
  expect(
    await run(["init", "1.0.0", "--new-database", "--mongo-url-file", await urlFile(url)]),
  ).toMatchObject({
    code: 0,
  });
  expect((await run(["status"], url)).code).toBe(0);
  const none = await run(["status"]);
  expect([none.code, none.text]).toEqual([2, expect.stringContaining("LOCKSTEP_MONGO_URL")]);
  const nameless = `mongodb://admin:${secret}@h/`;
  for (const ran of [
    await run(["status", "--mongo-url-file", await urlFile(nameless)], url),
    await run(["status"], nameless),
    await run(["status", "--mongo-url-file", await urlFile(`${nameless}%zz`)], url),
  ]) {
    expect(ran.code).toBe(2);
    expect(ran.text).toMatch(/--mongo-url-file|LOCKSTEP_MONGO_URL/);
    expect(ran.text).not.toContain(secret);
  }
  const open = await urlFile(away);
  await chmod(open, 0o644);
  const refused = await run(["status", "--mongo-url-file", open], url);
  expect([refused.code, refused.text]).toEqual([2, expect.stringContaining("chmod 600")]);
});

test("no user of the host sees the credentials of a command, a launcher or an agent", async () => {
  const command = start([
    main,
    "status",
    "--timeout",
    "60",
    "--mongo-url-file",
    await urlFile(away),
  ]);
  expect(await commandLineOf(command.pid)).not.toContain(secret);

  const directory = await folder();
  const program =
    "require('fs').writeFileSync('agent', process.pid + ' ' + process.env.LOCKSTEP_MONGO_URL); process.send({ type: 'ready' }); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0))";
  const versionsPath = join(directory, "versions.json");
  const versions = {
    "1.0.0": { command: ["env", "-C", directory, process.execPath, "-e", program] },
  };
  await writeFile(versionsPath, JSON.stringify({ default: "1.0.0", versions }));
  const launcher = start([
    ...[resolve("dist/src/launcher/main.js"), "--data-directory", directory],
    ...["--versions", versionsPath, "--mongo-url-file", await urlFile(away)],
  ]);
  const agent = await until("the agent", async () => {
    const [pid, url] = (await readFile(join(directory, "agent"), "utf8").catch(() => "")).split(
      " ",
    );
    return url ? { pid: Number(pid), url } : undefined;
  });
  expect(agent.url).toBe(away);
  for (const pid of [launcher.pid, agent.pid]) {
    expect(await commandLineOf(pid)).not.toContain(secret);
  }
  launcher.kill("SIGTERM");
  expect((await exited(launcher)).code).toBe(0);
});
