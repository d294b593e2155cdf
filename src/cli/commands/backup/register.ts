import type { Command } from "commander";
import { addServingTimeout } from "../../input/deadlines.ts";
import { addMongoUrlOptions } from "../../input/mongo-url.ts";
import type { Settle, Terminal } from "../../run.ts";
import type { CreateOptions } from "./backup.ts";
import type { RehearseOptions } from "./rehearse.ts";
import type { RestoreOptions } from "./restore.ts";

const backups = () => import("./backup.ts");

/** Adds `lockstep backup …`, `restore` and `rehearse`, which work on files of this machine. */
export function addBackupCommands(program: Command, terminal: Terminal, settle: Settle): void {
  const onFiles = (command: Command) =>
    command
      .requiredOption("--directory <path>", "the directory of the backups")
      .option("--json", "print one JSON object a line")
      .exitOverride();
  const onBoth = (command: Command) =>
    addMongoUrlOptions(onFiles(command))
      .option("--fleet <name>", "the fleet's name (default: the database's name)")
      .option("--timeout <time>", "how long to wait for the database and for an answer, as 30s");
  const backup = program
    .command("backup")
    .description("copy the application's database, and look after the copies")
    .exitOverride();
  onBoth(
    backup
      .command("create <id>")
      .description("take a backup while the fleet runs on, and prove it"),
  )
    .option("--gzip", "write mongodump's zipped form, which is smaller and slower")
    .action((id: string, options: CreateOptions) =>
      settle(
        backups().then(({ createBackupCommand }) => createBackupCommand(id, options, terminal)),
      ),
    );
  onFiles(backup.command("list").description("list the backups in a directory")).action((options) =>
    settle(backups().then(({ list }) => list(options, terminal))),
  );
  onFiles(
    backup
      .command("verify <id>")
      .description("hash every file again; this reveals accidents, not attackers"),
  ).action((id: string, options) =>
    settle(backups().then(({ verify }) => verify(id, options, terminal))),
  );
  onFiles(backup.command("show <id>").description("show the contents of a backup")).action(
    (id: string, options) => settle(backups().then(({ show }) => show(id, options, terminal))),
  );
  addServingTimeout(
    onBoth(
      program
        .command("restore <id>")
        .description("put the fleet back on a backup, data and version, or restore beside it"),
    ),
  )
    .option("--to-db <name>", "restore into this new database; the live one is not touched")
    .option("--confirm <name>", "confirm with the live database's name, for scripts")
    .option("--dry-run", "check the backup and its target, and write nothing")
    .action((id: string, options: RestoreOptions) =>
      settle(
        import("./restore.ts").then(({ restoreCommand }) => restoreCommand(id, options, terminal)),
      ),
    );
  onBoth(
    program
      .command("rehearse <version>")
      .description("run the schema steps of a version on a copy"),
  )
    .requiredOption("--steps <module>", "a module that exports `steps`")
    .action((version: string, options: RehearseOptions) =>
      settle(
        import("./rehearse.ts").then(({ rehearseCommand }) =>
          rehearseCommand(version, options, terminal),
        ),
      ),
    );
}
