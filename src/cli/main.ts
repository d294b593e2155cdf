#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { Command, CommanderError } from "commander";
import { isLockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import { asFileTrouble } from "../ports/files.ts";
import { packageVersion } from "../ports/package-version.ts";
import { exitAfter } from "../ports/process.ts";
import { addCheckCommand } from "./commands/actors/check.ts";
import { addActorsCommands } from "./commands/actors/register.ts";
import { addBackupCommands } from "./commands/backup/register.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addDevCommand } from "./commands/dev.ts";
import { init } from "./commands/init.ts";
import { addPictureCommands, readsFileOnly } from "./commands/pictures/register.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addLookingCommands } from "./commands/show/register.ts";
import { addUpgradeCommands } from "./commands/upgrade/register.ts";
import { addSteeringCommands } from "./commands/upgrade/steering.ts";
import { refuseEarlyEnd } from "./early-end.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { addMongoUrlOptions, completeMongoUrl } from "./input/mongo-url.ts";
import { renderFailure, renderInterruption } from "./render/failure.ts";
import { screenOf } from "./render/screen.ts";
import { hasColours, lookOf } from "./render/words.ts";
import type { Settle, SharedOptions, Terminal } from "./run.ts";

const json = process.argv.includes("--json");
const look = lookOf(!json && hasColours(process.stdout));
const sayError = (text: string) => process.stderr.write(`${look.safe(text)}\n`);
const interruption = new AbortController();
let interruptionMessage = "a request that a master has accepted goes on, see `lockstep status`";
const terminal: Terminal = {
  out: (text) => process.stdout.write(`${look.coloured(look.safe(text))}\n`),
  async question(text) {
    if (!process.stdin.isTTY) return null;
    const lines = createInterface({ input: process.stdin, output: process.stdout });
    try {
      // The interface reads the keys itself, so none of them reaches the process as a signal.
      lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
      const closed = new Promise<null>((resolve) => lines.once("close", () => resolve(null)));
      const answer = lines.question(look.safe(text), { signal: interruption.signal });
      return await Promise.race([answer, closed]);
    } finally {
      lines.close();
    }
  },
  screen: screenOf(process.stdout, process.env, look),
  sayWord: look.sayWord,
  signal: interruption.signal,
  explainInterruption(message) {
    interruptionMessage = message;
  },
};

function build(settle: Settle): Command {
  const program = new Command("lockstep")
    .description("Upgrades a fleet as one transaction: all on the new version, or all back.")
    .version(packageVersion(), "--version", "the version of Lockstep")
    .configureOutput({ outputError: (text, write) => (json ? undefined : write(text)) })
    .exitOverride();
  const shared = (command: Command) =>
    addMongoUrlOptions(command)
      .option("--fleet <name>", "the fleet's name (default: the database's name)")
      .option("--json", "print one JSON object a line")
      .option("--timeout <time>", "how long to wait for the database and for an answer, as 30s")
      .exitOverride();
  shared(program.command("init <version>").description("declare the version of a new fleet"))
    .option("--new-database", "also where the application's database is not there yet")
    .action((version: string, options: SharedOptions & { newDatabase?: boolean }) =>
      settle(init(version, options, terminal)),
    );
  addUpgradeCommands(program, terminal, settle, shared);
  addLookingCommands(program, terminal, settle, shared);
  addSteeringCommands(program, terminal, settle, shared);
  addDevCommand(program, terminal, settle);
  addServeCommand(shared(program.command("serve")), terminal, settle);
  addBackupCommands(program, terminal, settle);
  addCheckCommand(program, terminal, settle);
  addActorsCommands(program, terminal, settle);
  addPictureCommands(program, shared, terminal, settle);
  addCompletionCommand(program, terminal, settle);
  completeMongoUrl(program, readsFileOnly);
  return program;
}

/** A failure of the driver in our words. The driver is loaded by then, unless the command has not used it. */
async function asKnown(error: unknown): Promise<unknown> {
  const { asUnreachable } = await import("../mongo/transient.ts");
  return asUnreachable(error);
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
      if (thrown.exitCode === 0) return exitCodes.done;
      // For people the parser has written it, with a suggestion.
      if (json) sayError(renderFailure(thrown, { json }));
      return exitCodes.usage;
    }
    const error = isLockstepError(thrown) ? thrown : await asKnown(thrown);
    const isInterrupted = interruption.signal.aborted;
    // A request that could not be withdrawn has to be reported.
    if (isInterrupted && !isLockstepError(error, "database-unreachable"))
      return exitCodes.interrupted;
    sayError(renderFailure(error, { json }));
    if (isInterrupted) return exitCodes.interrupted;
    return isLockstepError(error) ? exitCodeOf(error.code) : exitCodes.failed;
  }
}

const letEnd = refuseEarlyEnd((error) => sayError(renderFailure(error, { json })));
const endNow = (exitCode: number): never => {
  letEnd();
  process.exit(exitCode);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) endNow(exitCodes.interrupted);
    interruption.abort(new Error("interrupted"));
    // The explanation would vanish with the view of a watch.
    terminal.screen?.leave();
    sayError(renderInterruption(interruptionMessage, { json }));
  });
}
// A reader that has seen enough, as `head` does, has ended.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") endNow(exitCodes.done);
  sayError(renderFailure(asFileTrouble("standard output", error), { json }));
  endNow(exitCodes.failed);
});
process.exitCode = await main(process.argv);
letEnd();
// A step that ignores its end may hold a timer or a connection of its own.
exitAfter(limits.exitGraceMs);
