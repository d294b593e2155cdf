import type { Command } from "commander";
import { LockstepError, messageOf } from "../../errors.ts";
import { databaseNameOf } from "../../mongo/database-of-url.ts";
import { readSecretFile } from "../../ports/secret-file.ts";

/** Adds the two options by which a command names its database. */
export function addMongoUrlOptions(command: Command): Command {
  return command
    .option(
      "--mongo-url <url>",
      "URL of the replica set, whose path is the application's database; every user of the host sees it in `ps`",
    )
    .option(
      "--mongo-url-file <path>",
      "a file with that URL that only you can read (default: LOCKSTEP_MONGO_URL of the environment)",
    );
}

interface Found {
  readonly url: string;
  /** Its source, for messages. */
  readonly source: string;
}

/**
 * The database's URL from the command line, else from its file, else from the environment.
 * @throws LockstepError `bad-argument`
 */
export async function findMongoUrl(
  options: { readonly mongoUrl?: string; readonly mongoUrlFile?: string },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Found> {
  if (options.mongoUrl !== undefined) return { url: options.mongoUrl, source: "--mongo-url" };
  if (options.mongoUrlFile !== undefined) {
    const url = await readSecretFile(options.mongoUrlFile, "the database's URL");
    return { url, source: `--mongo-url-file ${options.mongoUrlFile}` };
  }
  const fromEnvironment = (environment["LOCKSTEP_MONGO_URL"] ?? "").trim();
  if (fromEnvironment !== "") return { url: fromEnvironment, source: "LOCKSTEP_MONGO_URL" };
  throw new LockstepError(
    "bad-argument",
    "expected the database's URL, found none: name its file with --mongo-url-file, or set LOCKSTEP_MONGO_URL, or use --mongo-url where it holds no credentials",
  );
}

/**
 * Completes the options of each command that works on a database, before it acts.
 * @param isWithout true for a command line that needs no database
 */
export function completeMongoUrl(program: Command, isWithout: (command: Command) => boolean): void {
  program.hook("preAction", async (_program, command) => {
    if (!command.options.some(({ long }) => long === "--mongo-url")) return;
    if (isWithout(command)) return;
    const { url, source } = await findMongoUrl(command.opts(), process.env);
    try {
      databaseNameOf(url);
    } catch (error) {
      throw new LockstepError("bad-argument", `${source}: ${messageOf(error)}`);
    }
    command.setOptionValue("mongoUrl", url);
  });
}
