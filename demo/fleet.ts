import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import type { Guard } from "../src/local/guard.ts";
import { freePort } from "../src/local/mongod-process.ts";
import { type ChildProcess, exited, signalProcess, startProcess } from "../src/ports/process.ts";

/** One state server of the story: a launcher, and the catalogue application under it. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Of the launcher; 0 before the first start. */
  readonly pid: number;
  start(): Promise<void>;
  /** kill -9 of launcher and agent, both: they are one process group. */
  kill(): Promise<void>;
  /** SIGTERM, in good order. */
  stop(): Promise<void>;
  /** Its answer over HTTP, or null while its gate is shut. */
  ask(): Promise<{ version: string; agent: string } | null>;
  /** The end of its log. */
  lastLines(count: number): Promise<string>;
}

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
  /** The compiled modules of the launcher and of the application. */
  launcher: string;
  main: string;
  versions: readonly string[];
  /** The application's environment, given the port that it shall listen on. */
  environment: (port: number) => Readonly<Record<string, string>>;
  /** How long a version may take to report ready, where the launcher's own limit is too long. */
  readyTimeoutsMs?: Readonly<Record<string, number>>;
  /** The words before a command that make the agent run elsewhere; default: here. */
  enter?: readonly string[];
  /** Ends launcher and agent should we die without a word. */
  guard: Guard;
}): Promise<Server> {
  const { name } = options;
  const directory = join(options.root, name);
  const versionsPath = join(options.root, `${name}.versions.json`);
  const logPath = join(options.root, `${name}.log`);
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const command = [...(options.enter ?? []), process.execPath, options.main];
  const versions = Object.fromEntries(
    options.versions.map((version) => {
      const readyTimeoutMs = options.readyTimeoutsMs?.[version];
      return [version, { command, ...(readyTimeoutMs === undefined ? {} : { readyTimeoutMs }) }];
    }),
  );
  await writeFile(versionsPath, JSON.stringify({ default: options.versions[0], versions }));
  let launcher: ChildProcess | undefined;
  return {
    name,
    port,
    get pid() {
      return launcher?.pid ?? 0;
    },
    async start() {
      const log = await open(logPath, "a");
      launcher = startProcess(
        process.execPath,
        [options.launcher, ...["--data-directory", directory, "--versions", versionsPath]],
        {
          stdio: ["ignore", log.fd, log.fd],
          detached: true,
          env: { ...process.env, ...options.environment(port) },
        },
      );
      // Before anything is waited for: who is killed meanwhile would leave it behind.
      if (launcher.pid !== undefined) options.guard.add(launcher.pid);
      await log.close();
    },
    async kill() {
      if (!launcher?.pid) return;
      signalProcess(-launcher.pid, "SIGKILL");
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
