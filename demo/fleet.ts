import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../src/local/mongod-process.ts";
import type { ReplicaSet } from "../src/local/replica-set.ts";
import { type ChildProcess, exited, signalProcess, startProcess } from "../src/ports/process.ts";
import { catalogueVersions } from "./catalogue/steps.ts";

/** One state server of the story: a launcher, and the catalogue application under it. */
export interface Server {
  readonly name: string;
  readonly port: number;
  start(): Promise<void>;
  /** kill -9 of launcher and agent, both. */
  kill(agentPid: number | undefined): Promise<void>;
  /** SIGTERM, in good order. */
  stop(): Promise<void>;
  /** What it answers over HTTP, or null while its gate is shut. */
  ask(): Promise<{ version: string; agent: string } | null>;
  /** Process ids of the agents that its launcher has started, the last one last. */
  lastLines(count: number): Promise<string>;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function ask(port: number): Promise<{ version: string; agent: string } | null> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/", timeout: 1_000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? JSON.parse(text) : null));
    });
    request.on("error", () => resolve(null));
    request.on("timeout", () => request.destroy());
  });
}

/** Prepares one state server in its own folder; nothing runs yet. */
export async function createServer(options: {
  name: string;
  root: string;
  set: ReplicaSet;
  database: string;
  memberUrl: string;
  environment: Readonly<Record<string, string>>;
  readyTimeoutMs: number;
}): Promise<Server> {
  const { name, set, database } = options;
  const directory = join(options.root, name);
  const versionsPath = join(options.root, `${name}.versions.json`);
  const logPath = join(options.root, `${name}.log`);
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const command = [process.execPath, here("./catalogue/main.js")];
  const versions = Object.fromEntries(
    catalogueVersions.map((version) => [
      version,
      { command, readyTimeoutMs: options.readyTimeoutMs },
    ]),
  );
  await writeFile(versionsPath, JSON.stringify({ default: "1.0.0", versions }));
  let launcher: ChildProcess | undefined;
  return {
    name,
    port,
    async start() {
      const log = await open(logPath, "a");
      launcher = startProcess(
        process.execPath,
        [
          here("../src/launcher/main.js"),
          ...["--data-directory", directory, "--versions", versionsPath],
        ],
        {
          stdio: ["ignore", log.fd, log.fd],
          env: {
            ...process.env,
            CATALOGUE_MONGO_URL: set.url(database),
            CATALOGUE_MEMBER_URL: options.memberUrl,
            CATALOGUE_AGENT: name,
            CATALOGUE_PORT: String(port),
            ...options.environment,
          },
        },
      );
      await log.close();
    },
    async kill(agentPid) {
      if (!launcher?.pid) return;
      signalProcess(launcher.pid, "SIGKILL");
      if (agentPid !== undefined) signalProcess(agentPid, "SIGKILL");
      await exited(launcher);
    },
    async stop() {
      if (!launcher?.pid || launcher.exitCode !== null || launcher.signalCode !== null) return;
      signalProcess(launcher.pid, "SIGTERM");
      await exited(launcher);
    },
    ask: () => ask(port),
    async lastLines(count) {
      const text = await readFile(logPath, "utf8").catch(() => "");
      return text.trim().split("\n").slice(-count).join("\n");
    },
  };
}
