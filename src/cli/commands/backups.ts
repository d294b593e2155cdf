import type { Command } from "commander";
import { addMongoUrlOptions } from "../mongo-url.ts";
import type { Terminal } from "../run.ts";
import { type CreateOptions, createBackupCommand, list, show, verify } from "./backup.ts";
import { type RehearseOptions, rehearseCommand } from "./rehearse.ts";
import { type RestoreOptions, restoreCommand } from "./restore.ts";

type Settle = (work: Promise<number>) => Promise<void>;

/** `lockstep backup …`, `restore` and `rehearse`: what works on files of this machine. */
export function addBackupCommands(program: Command, terminal: Terminal, settle: Settle): void {
  const onFiles = (command: Command) =>
    command
      .requiredOption("--directory <path>", "where backups are kept")
      .option("--json", "one JSON object a line")
      .exitOverride();
  const onBoth = (command: Command) =>
    addMongoUrlOptions(onFiles(command))
      .option("--fleet <name>", "name of the fleet (default: the database's name)")
      .option("--timeout <seconds>", "how long to wait for the database");
  const backup = program
    .command("backup")
    .description("copies of the application's database")
    .exitOverride();
  onBoth(
    backup.command("create <id>").description("take one while the fleet runs on, and prove it"),
  )
    .option("--gzip", "mongodump's zipped form: smaller and slower")
    .action((id: string, options: CreateOptions) =>
      settle(createBackupCommand(id, options, terminal)),
    );
  onFiles(backup.command("list").description("those in a directory")).action((options) =>
    settle(list(options, terminal)),
  );
  onFiles(
    backup
      .command("verify <id>")
      .description("hash every file again: this proves accidents, not attackers"),
  ).action((id: string, options) => settle(verify(id, options, terminal)));
  onFiles(backup.command("show <id>").description("what it holds")).action((id: string, options) =>
    settle(show(id, options, terminal)),
  );
  onBoth(
    program
      .command("restore <id>")
      .description("put the fleet back on a backup, data and version; or restore beside it"),
  )
    .option("--to-db <name>", "a database that does not exist: the live one is not touched")
    .option("--confirm <name>", "the live database's name, for scripts")
    .option("--dry-run", "check the backup and where it would go, write nothing")
    .action((id: string, options: RestoreOptions) => settle(restoreCommand(id, options, terminal)));
  onBoth(program.command("rehearse <version>").description("run its schema steps on a copy"))
    .requiredOption("--steps <module>", "a module that exports `steps`")
    .action((version: string, options: RehearseOptions) =>
      settle(rehearseCommand(version, options, terminal)),
    );
}
