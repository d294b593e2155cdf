#!/usr/bin/env node
import { resolve } from "node:path";
import { Command } from "commander";
import { isLockstepError, messageOf } from "../errors.ts";
import { createLog } from "../log.ts";
import { systemClock } from "../ports/clock.ts";
import { packageVersion } from "../ports/package-version.ts";
import { createWakeUp } from "../ports/waiting/wake-up.ts";
import { runLauncher } from "./launcher.ts";

interface Options {
  readonly dataDirectory: string;
  readonly versions: string;
  readonly mongoUrlFile?: string;
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort());

const versionsWakeUp = createWakeUp(systemClock);
process.on("SIGHUP", () => versionsWakeUp.hint());

const log = createLog({}).child({ launcher: true });
await new Command("lockstep-launcher")
  .version(packageVersion(), "--version", "the version of Lockstep")
  .description("Starts the wanted version of an agent, and the earlier one if that fails.")
  .requiredOption("--data-directory <path>", "the agent's own folder")
  .requiredOption(
    "--versions <file>",
    "the file that lists the installed versions and their commands",
  )
  .option(
    "--mongo-url-file <path>",
    "a file with the database's URL that only this user can read; agents get it as LOCKSTEP_MONGO_URL",
  )
  .action(async ({ dataDirectory, versions, mongoUrlFile }: Options) => {
    try {
      process.exitCode = await runLauncher({
        dataDirectory: resolve(dataDirectory),
        versionsPath: resolve(versions),
        ...(mongoUrlFile === undefined ? {} : { mongoUrlPath: resolve(mongoUrlFile) }),
        clock: systemClock,
        log,
        signal: stopping.signal,
        versionsWakeUp,
      });
    } catch (error) {
      const code = isLockstepError(error) ? error.code : "unexpected";
      log.error({ code, error: messageOf(error) }, "the launcher ends");
      process.exitCode = 1;
    }
  })
  .parseAsync(process.argv);
