// Aim: a build describes its steps, and whatever else it does, it starts no agent: nobody connects to its database, and its
// data directory is not made. Method: real processes of builds as people write them, and of builds that are wrong or too
// old; a server in place of the database counts who connects.
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { describeBuild, lastWords } from "../../src/launcher/describe-build.ts";
import { signalProcess } from "../../src/ports/process.ts";
import { planOf, type Step } from "../../src/upgrade/protocol/steps.ts";
import { until } from "../support/until.ts";

const lockstep = pathToFileURL(resolve("dist/src/index.js")).href;

/** The steps of all builds here, as source text. A running agent hashes that text too. */
const stepsText = `[
  { name: "titles", version: "1.1.0", target: "MasterStateServer", description: "each title once",
    reads: ["films", "people"], async run() {} },
  { name: "hello", version: "1.1.0", target: "AllMachines", description: "greets",
    async run() {}, async revert() {} },
  { name: "motd", version: "1.0.0", target: "StateServer", description: "a file", async run() {} },
]`;

interface BuildParts {
  readonly version?: string;
  readonly steps?: string;
  /** Code before and after \`createAgent\`. */
  readonly before?: string;
  readonly after?: string;
  /** More options of the agent. */
  readonly options?: string;
}

let connections = 0;
let port = 0;
beforeAll(async () => {
  const decoy = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((listening) => decoy.listen(0, "127.0.0.1", listening));
  const address = decoy.address();
  port = typeof address === "object" && address ? address.port : 0;
  return () => new Promise((closed) => decoy.close(closed));
});

const main = (parts: BuildParts) => `
import { createAgent, defineSteps } from ${JSON.stringify(lockstep)};
${parts.before ?? ""}
const agent = createAgent({
  agent: process.env.NO_SUCH_NAME ?? "",
  version: ${JSON.stringify(parts.version ?? "1.1.0")},
  steps: defineSteps(${parts.steps ?? stepsText}),
  mongoUrl: "mongodb://127.0.0.1:${port}/app?serverSelectionTimeoutMS=2000",
  ${parts.options ?? ""}
});
await agent.start();
${parts.after ?? ""}
`;

/** A folder, whose name has spaces, with a versions file that lists 1.1.0 by this command. */
async function prepare(
  content: string,
  command: (path: string) => readonly string[] = (path) => [process.execPath, path],
) {
  const root = await mkdtemp(join(tmpdir(), "lockstep-describe-test-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, "my releases");
  await mkdir(folder);
  const path = join(folder, "main build.mjs");
  await writeFile(path, content);
  const versionsPath = join(folder, "versions.json");
  const versions = { "1.1.0": { command: command(path) } };
  await writeFile(versionsPath, JSON.stringify({ default: "1.1.0", versions }));
  const describeIt = (limitMs = 60_000, signal = new AbortController().signal, version = "1.1.0") =>
    describeBuild({ versionsPath, version, from: "1.0.0", signal, limitMs });
  return { folder, describeIt };
}

const described = async (parts: BuildParts) => {
  const { folder, describeIt } = await prepare(main(parts));
  return { folder, found: JSON.parse(await describeIt()) };
};

/** The refusal of a description, after which nobody has connected anywhere. */
async function refused(content: string, limitMs?: number) {
  const before = connections;
  const { folder, describeIt } = await prepare(content);
  const error = await describeIt(limitMs).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "cannot-describe" });
  expect(connections).toBe(before);
  return { folder, message: (error as Error).message, error };
}

const leftFolders = async () =>
  (await readdir(tmpdir())).filter((name) => /^lockstep-describe-(?!test)/.test(name));

describe("a build", () => {
  test("describes its steps with the hash that its agent would report, and leaves nothing", async () => {
    const before = { connections, folders: await leftFolders() };
    const { folder, found } = await described({ options: `dataDirectory: "data"` });
    const steps = new Function(`return ${stepsText}`)() as Step[];
    expect(found).toEqual({
      ...{ from: "1.0.0", to: "1.1.0", hash: planOf(steps, "1.0.0", "1.1.0").hash },
      steps: [
        {
          ...{ name: "titles", version: "1.1.0", target: "MasterStateServer" },
          ...{ description: "each title once", reads: ["films", "people"], undo: "the copies" },
        },
        {
          ...{ name: "hello", version: "1.1.0", target: "AllMachines", description: "greets" },
          ...{ reads: null, undo: "its revert" },
        },
      ],
    });
    expect({ connections, folders: await leftFolders() }).toEqual(before);
    expect((await readdir(folder)).toSorted()).toEqual(["main build.mjs", "versions.json"]);
  });

  test("may print before that, also what looks like a description, and may print as it ends", async () => {
    const before = `
      console.log(JSON.stringify({ from: "1.0.0", to: "9.9.9", hash: "", steps: [] }));
      process.stdout.write("{ loading");
      process.on("exit", () => { console.log("bye"); process.exitCode = 3; });`;
    expect((await described({ before })).found).toMatchObject({ to: "1.1.0" });
  });

  test("may have ten thousand steps, which no pipe holds", async () => {
    const steps = `Array.from({ length: 10_000 }, (_, n) => ({ name: "s-" + n, version: "1.1.0",
      target: "AllMachines", description: "x".repeat(100), async run() {} }))`;
    expect((await described({ steps })).found.steps).toHaveLength(10_000);
  });

  test("starts no agent where process.exit was replaced by one that ends later", async () => {
    const before = `
      const exit = process.exit.bind(process);
      process.exit = (code) => void setTimeout(() => exit(code), 200);`;
    const { folder, found } = await described({ before, options: `dataDirectory: "./data"` });
    expect(found).toMatchObject({ to: "1.1.0" });
    await expect(access(join(folder, "data"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("may leave processes behind: they are ended", async () => {
    const before = `
      import { spawn } from "node:child_process";
      import { writeFileSync } from "node:fs";
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
      writeFileSync(new URL("pid", import.meta.url), String(child.pid));`;
    const { folder } = await described({ before });
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    await until("its end", () => !signalProcess(pid, 0));
  });
});

describe("a build that does not describe itself", () => {
  test("prints nothing, and ends", async () => {
    const { message } = await refused("");
    expect(message).toContain("it ended with code 0; it printed nothing");
    expect(message).toContain("--steps");
  });

  test("ends with another code: its last words are kept", async () => {
    const { message, error } = await refused(main({ before: 'throw new Error("no STRIPE_KEY");' }));
    expect(message).toContain("it ended with code 1; its last words: Error: no STRIPE_KEY: mend");
    expect(error).toMatchObject({ details: { version: "1.1.0", code: 1 } });
  });

  test("is killed", async () => {
    const { message } = await refused('process.kill(process.pid, "SIGKILL");');
    expect(message).toContain("it ended with SIGKILL");
  });

  test("never ends, and ignores SIGTERM: it and its children are ended", async () => {
    const { folder, message } = await refused(
      `
      import { spawn } from "node:child_process";
      import { writeFileSync } from "node:fs";
      process.on("SIGTERM", () => {});
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
      writeFileSync(new URL("pids", import.meta.url), process.pid + " " + child.pid);
      console.log("waiting for the database");
      setInterval(() => {}, 1000);`,
      3_000,
    );
    expect(message).toContain("after 3 s, and was ended; its last words: waiting for the database");
    const pids = (await readFile(join(folder, "pids"), "utf8")).split(" ").map(Number);
    await until("their end", () => pids.every((pid) => !signalProcess(pid, 0)));
  });

  test("connects to its database first: the URL that the launcher gives leads nowhere", async () => {
    const before = `
      import { connect } from "node:net";
      const { hostname, port } = new URL(process.env.LOCKSTEP_MONGO_URL);
      const socket = connect({ host: hostname, port: Number(port) });
      await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));`;
    const { message } = await refused(main({ before }));
    expect(message).toContain("ECONNREFUSED");
  });

  test("has steps that no agent takes", async () => {
    const steps = `[{ name: "Bad Name", version: "1.1.0", target: "AllMachines", description: "" }]`;
    const { message } = await refused(main({ steps }));
    expect(message).toContain("Bad Name");
  });

  test("is interrupted by the command", async () => {
    const { describeIt } = await prepare("setInterval(() => {}, 1000)");
    const stopping = new AbortController();
    const waiting = describeIt(60_000, stopping.signal);
    stopping.abort();
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("a build that is too old for this mode", () => {
  const old = "delete process.env.LOCKSTEP_DESCRIBE;";
  // The first barrier of the environment falls, and it asks for no channel: what is left has to be enough.
  const older = `${old} process.env.LOCKSTEP_STARTABLE_VERSIONS = '["1.1.0"]';
    process.send = () => {}; process.connected = true;`;

  test.each([
    ["whose directory is the launcher's", old, "", "is not valid JSON"],
    ["that names a directory", old, `dataDirectory: "DIRECTORY"`, "is not valid JSON"],
    ["that is content with any list of versions", older, "", "EISDIR"],
    [
      "that is content with any list, and names a directory",
      ...[older, `dataDirectory: "DIRECTORY"`, "expected the launcher's data directory"],
    ],
    ["that would declare a version", older, `initialize: true, role: "machine"`, "EISDIR"],
  ])("%s starts no agent", async (_, before, options, barrier) => {
    const root = await mkdtemp(join(tmpdir(), "lockstep-old-"));
    onTestFinished(() => rm(root, { recursive: true, force: true }));
    const directory = join(root, "data");
    const named = `agent: "a1", ${options.replace("DIRECTORY", directory)}`;
    const { error } = await refused(main({ before, options: named }));
    expect(error).toMatchObject({
      details: { code: 1, output: expect.stringContaining(barrier) },
    });
    await expect(access(directory)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("and whose application serves without an agent is ended", async () => {
    const content = `
      ${old}
      const { createAgent } = await import(${JSON.stringify(lockstep)});
      try {
        createAgent({ agent: "a1", version: "1.1.0", steps: [], mongoUrl: "mongodb://127.0.0.1:${port}/app" });
      } catch { console.log("serving alone"); }
      setInterval(() => {}, 1000);`;
    // It has to come up within this limit, and is ended at it.
    const { message } = await refused(content, 10_000);
    expect(message).toContain("its last words: serving alone");
  });
});

describe("the command of a version", () => {
  test("is relative to the folder of this process, and its words may have spaces", async () => {
    const relative = (path: string) => [process.execPath, join("..", "..", path)];
    const { describeIt } = await prepare(main({}), (path) =>
      relative(`../../../../../../../..${path}`),
    );
    expect(JSON.parse(await describeIt())).toMatchObject({ to: "1.1.0" });
  });

  test.each([
    [
      "a program that is not there",
      ["no such program"],
      "the system could not start it (spawn no such program ENOENT)",
    ],
    ["a folder in place of a program", [tmpdir()], "EACCES"],
    [
      "a path of Windows",
      [process.execPath, "C:\\releases\\1.1.0\\main.mjs"],
      "Cannot find module",
    ],
    ["a null character", [process.execPath, "a\0b"], "null bytes"],
  ])("%s", async (_, command, words) => {
    const { describeIt } = await prepare("", () => command);
    const message = expect.stringContaining(words);
    await expect(describeIt()).rejects.toMatchObject({ code: "cannot-describe", message });
  });

  test("is missing: the versions file does not list it", async () => {
    const { describeIt } = await prepare("");
    const listed = describeIt(1_000, new AbortController().signal, "1.2.0");
    await expect(listed).rejects.toMatchObject({
      code: "cannot-describe",
      message: expect.stringMatching(
        /expected .*my releases\/versions\.json to list 1\.2\.0, it lists 1\.1\.0/,
      ),
    });
  });
});

test("the last words are those of the last error, without the calls", () => {
  const stack =
    "file:///m.mjs:3\nthrow x\n^\n\nTypeError: no\n    at file:///m.mjs:3\n\nNode.js v20\n";
  expect(lastWords(stack)).toBe("TypeError: no");
  expect(lastWords("loading\nname-taken: a1 runs\n")).toBe("name-taken: a1 runs");
  expect(lastWords("\n")).toBe("");
});
