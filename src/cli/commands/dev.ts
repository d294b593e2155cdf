import { resolve } from "node:path";
import type { Command } from "commander";
import { counted } from "../../counted.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { DevSet } from "../../local/dev-set.ts";
import type { Mongod } from "../../local/find-mongod.ts";
import { systemClock } from "../../ports/clock.ts";
import { exitCodes } from "../exit-codes.ts";
import { parsePort } from "../input/port.ts";
import { jsonLine } from "../output/json-line.ts";
import { printNotice } from "../render/progress.ts";
import type { Settle, Terminal } from "../run.ts";

interface DevOptions {
  readonly port: string;
  readonly members: string;
  readonly dataDir?: string;
  readonly mongod?: string;
  readonly json?: boolean;
}

/** Registers `lockstep dev`. */
export function addDevCommand(program: Command, terminal: Terminal, settle: Settle): void {
  program
    .command("dev")
    .description("run a replica set on this machine, to try Lockstep with, until Ctrl-C")
    .option("--members <number>", "1 or 3 members", "3")
    .option("--port <number>", "the port of the first member", String(limits.devPort))
    .option(
      "--data-dir <path>",
      "a folder for the data, which stays for the next time (default: a temporary one, which is deleted at the end)",
    )
    .option("--mongod <path>", "the program of a member (default: LOCKSTEP_MONGOD, else a search)")
    .option("--json", "print one JSON object a line")
    .exitOverride()
    .action((options: DevOptions) => settle(dev(options, terminal)));
}

function parseMembers(text: string): number {
  if (text === "1" || text === "3") return Number(text);
  throw new LockstepError("bad-argument", `expected --members 1 or 3, got "${text}"`);
}

/** The name of the application's database in the URL. A person replaces it. */
const database = "app";

/** A set that has just come up, for people. Pure. */
function setLines({ members, url, directory, isNew }: DevSet, isKept: boolean): string {
  const stay = isKept ? "where it stays" : "and is deleted at the end";
  const next = isNew ? "init 1.0.0 --new-database" : "status";
  return [
    `a replica set of ${counted(members.length, "member")} is up; its data is in ${directory}, ${stay}`,
    ...members.map(({ name, host }) => `  ${name}  ${host}`),
    `next, in another terminal, with the name of your database in place of "${database}":`,
    `  export LOCKSTEP_MONGO_URL="${url(database)}"`,
    `  npx lockstep ${next}`,
    "Ctrl-C ends the set",
  ].join("\n");
}

function setJson({ members, url, directory, isNew }: DevSet, isKept: boolean): string {
  const shown = members.map(({ name, host, pid }) => ({ name, host, pid }));
  const facts = { url: url(database), directory, isKept, isNew, members: shown };
  return jsonLine({ type: "dev", ...facts });
}

/** A server that Lockstep refuses need not start. @throws LockstepError `database-not-supported` */
function requireSupported({ path, version }: Mongod): void {
  if (Number.parseInt(version, 10) >= limits.serverMajorMin) return;
  throw new LockstepError(
    "database-not-supported",
    `expected MongoDB ${limits.serverMajorMin}.0 or newer, found ${version} in ${path}: name another mongod with --mongod or LOCKSTEP_MONGOD`,
  );
}

/** `lockstep dev`: runs a local replica set until it is interrupted. */
async function dev(options: DevOptions, terminal: Terminal): Promise<number> {
  const { signal } = terminal;
  const members = parseMembers(options.members);
  const port = parsePort(options.port, 1, 65_536 - members);
  const directory = options.dataDir === undefined ? undefined : resolve(options.dataDir);
  const isKept = directory !== undefined;
  terminal.explainInterruption("the replica set ends");
  const say = printNotice(options, terminal);
  const { findMongod } = await import("../../local/find-mongod.ts");
  const mongod = await findMongod({
    ...{ explicit: options.mongod, environment: process.env, say, signal },
  });
  requireSupported(mongod);
  const given = { mongodPath: mongod.path, members, port, directory };
  const { startDevSet } = await import("../../local/dev-set.ts");
  const set = await startDevSet({ ...given, clock: systemClock, signal });
  try {
    terminal.out(options.json ? setJson(set, isKept) : setLines(set, isKept));
    await set.keepUp(({ name, host }, how) =>
      terminal.out(
        options.json
          ? jsonLine({ type: "member", member: name, host, ended: how })
          : `${name} (${host}) has ended with ${how}, and is started again`,
      ),
    );
    return exitCodes.done;
  } finally {
    await set.stop();
  }
}
