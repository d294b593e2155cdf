#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { Command, CommanderError } from "commander";
import { isLockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { redactUrl } from "../log.ts";
import { asUnreachable } from "../mongo/transient.ts";
import { exitAfter } from "../ports/process.ts";
import { allowWrites } from "./commands/allow-writes.ts";
import { ask } from "./commands/ask.ts";
import { addBackupCommands } from "./commands/backups.ts";
import { history } from "./commands/history.ts";
import { init } from "./commands/init.ts";
import { status } from "./commands/status.ts";
import { type UpgradeOptions, upgrade } from "./commands/upgrade.ts";
import { docsLinkOf } from "./docs-link.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { addMongoUrlOptions, completeMongoUrl } from "./mongo-url.ts";
import { packageVersion } from "./package-version.ts";
import { printable } from "./printable.ts";
import type { SharedOptions, Terminal } from "./run.ts";

const interruption = new AbortController();
const terminal: Terminal = {
  out: (text) => process.stdout.write(`${printable(redactUrl(text))}\n`),
  async question(text) {
    if (!process.stdin.isTTY) return null;
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
      // It reads the keys itself: none of them reaches the process as a signal.
      lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
      const closed = new Promise<null>((resolve) => lines.once("close", () => resolve(null)));
      const answer = lines.question(text, { signal: interruption.signal });
      return await Promise.race([answer, closed]);
    } finally {
      lines.close();
    }
  },
  signal: interruption.signal,
};

function build(settle: (work: Promise<number>) => Promise<void>): Command {
  const program = new Command("lockstep")
    .description("Upgrades a fleet as one transaction: all on the new version, or all back.")
    .version(packageVersion(), "--version", "the version of Lockstep")
    .exitOverride();
  const shared = (command: Command) =>
    addMongoUrlOptions(command)
      .option("--fleet <name>", "name of the fleet (default: the database's name)")
      .option("--json", "one JSON object a line")
      .option("--timeout <seconds>", "how long to wait for the database and for an answer")
      .exitOverride();
  shared(program.command("init <version>").description("declare the version, once")).action(
    (version: string, options: SharedOptions) => settle(init(version, options, terminal)),
  );
  shared(program.command("upgrade <version>").description("upgrade the fleet, or turn it back"))
    .option("--no-wait", "return once the upgrade is accepted")
    .option("--wait-timeout <seconds>", "how long to wait for its end")
    .option("--deadline <name=seconds...>", "waiting, backing-up, no-progress, peers, rolling-back")
    .action((version: string, options: UpgradeOptions) =>
      settle(upgrade(version, options, terminal)),
    );
  shared(program.command("status").description("where the fleet stands")).action(
    (options: SharedOptions) => settle(status(options, terminal)),
  );
  shared(program.command("history").description("every upgrade there was")).action(
    (options: SharedOptions) => settle(history(options, terminal)),
  );
  shared(program.command("abort").description("turn the active upgrade back"))
    .option("--why <text>", "kept as the reason", "no reason given")
    .action((options: SharedOptions & { why: string }) =>
      settle(ask({ kind: "abort", why: options.why }, options, terminal)),
    );
  shared(program.command("retry").description("go on where an upgrade is blocked")).action(
    (options: SharedOptions) => settle(ask({ kind: "retry" }, options, terminal)),
  );
  shared(program.command("forget <agent>").description("an agent that is gone for good")).action(
    (agent: string, options: SharedOptions) =>
      settle(ask({ kind: "forget", agent }, options, terminal)),
  );
  shared(program.command("allow-writes").description("after an upgrade that nobody is left to end"))
    .option("--force", "while an upgrade is active, or where none is known to have shut them out")
    .action((options: SharedOptions & { force?: boolean }) =>
      settle(allowWrites(options, terminal)),
    );
  addBackupCommands(program, terminal, settle);
  completeMongoUrl(program);
  return program;
}

/** Runs one command line and answers with its exit code. */
async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.done;
  const program = build(async (work) => {
    exitCode = await work;
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    const error = asUnreachable(thrown);
    const isInterrupted = interruption.signal.aborted;
    // What could not be taken back has to be told.
    if (isInterrupted && !isLockstepError(error, "database-unreachable"))
      return exitCodes.interrupted;
    const code = isLockstepError(error) ? error.code : "unexpected";
    const details = isLockstepError(error) ? error.details : {};
    const docs = docsLinkOf(code);
    const text = argv.includes("--json")
      ? JSON.stringify({ type: "error", code, message: messageOf(error), details, docs })
      : `lockstep: ${code}: ${messageOf(error)}\nsee ${docs}`;
    process.stderr.write(`${printable(redactUrl(text))}\n`);
    if (isInterrupted) return exitCodes.interrupted;
    return isLockstepError(error) ? exitCodeOf(error.code) : exitCodes.failed;
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
    interruption.abort(new Error("interrupted"));
    process.stderr.write("interrupted: what was accepted goes on, see `lockstep status`\n");
  });
}
process.exitCode = await main(process.argv);
// A step that is left behind may hold a timer or a connection of its own.
exitAfter(limits.exitGraceMs);
