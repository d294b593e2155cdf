#!/usr/bin/env node
import { resolve } from "node:path";
import { Command } from "commander";
import { messageOf } from "../errors.ts";
import { createLog } from "../log.ts";
import { systemClock } from "../ports/clock.ts";
import { createPrivateFolder } from "../ports/files.ts";
import { runLauncher } from "./launcher.ts";

interface Options {
  readonly dataDirectory: string;
  readonly versions: string;
  readonly mongoUrlFile?: string;
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort());

const log = createLog({}).child({ launcher: true });
await new Command("lockstep-launcher")
  .description("Starts the version of an agent that is wanted, and the one before if it fails.")
  .requiredOption("--data-directory <path>", "the agent's own folder")
  .requiredOption("--versions <file>", "which versions are installed, and how to start them")
  .option(
    "--mongo-url-file <path>",
    "a file of this user alone that holds the database's URL: agents get it as LOCKSTEP_MONGO_URL",
  )
  .action(async ({ dataDirectory, versions, mongoUrlFile }: Options) => {
    await createPrivateFolder(dataDirectory);
    try {
      process.exitCode = await runLauncher({
        dataDirectory: resolve(dataDirectory),
        versionsPath: resolve(versions),
        ...(mongoUrlFile === undefined ? {} : { mongoUrlPath: resolve(mongoUrlFile) }),
        clock: systemClock,
        log,
        signal: stopping.signal,
      });
    } catch (error) {
      log.error({ error: messageOf(error) }, "the launcher ends");
      process.exitCode = 1;
    }
  })
  .parseAsync(process.argv);
