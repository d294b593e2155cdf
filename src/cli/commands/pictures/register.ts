import { type Command, Option } from "commander";
import { isUpgradeId } from "../../../operator/film/upgrade-id.ts";
import { diagramFormats } from "../../../operator/machines/diagram-formats.ts";
import type { Settle, Terminal } from "../../run.ts";
import type { DiagramOptions } from "./diagram.ts";
import type { ExportOptions, ReplayOptions } from "./film.ts";

/** True for a command line that reads a file in place of a database. */
export function readsFileOnly(command: Command): boolean {
  return command.name() === "replay" && !isUpgradeId(command.args[0] ?? "");
}

/** Adds `lockstep export`, `replay` and `diagram`. */
export function addPictureCommands(
  program: Command,
  shared: (command: Command) => Command,
  terminal: Terminal,
  settle: Settle,
): void {
  shared(
    program
      .command("export <id>")
      .description("write an upgrade, with all that every agent did, as one file"),
  )
    .option("--out <file>", "the file (default: standard output)")
    .action((id: string, options: ExportOptions) =>
      settle(import("./film.ts").then(({ exportCommand }) => exportCommand(id, options, terminal))),
    );
  shared(
    program
      .command("replay <id-or-file>")
      .description("show an upgrade of the fleet, or an exported one, a line for each step"),
  )
    .option(
      "--speed <factor>",
      "on a terminal, show each line at its time, this many times as fast",
    )
    .action((from: string, options: ReplayOptions) =>
      settle(import("./film.ts").then(({ replay }) => replay(from, options, terminal))),
    );
  program
    .command("diagram [module]")
    .description("draw a machine that a module exports (default: the machines of an upgrade)")
    .option("--machine <name>", "the machine, where there are several")
    .addOption(
      new Option(
        "--format <name>",
        "its form (default: by the name of the file, else svg)",
      ).choices([...diagramFormats]),
    )
    .option("--brief", "a small picture, without the names of the events")
    .option("--out <file>", "the file (default: standard output)")
    .option("--json", "print one JSON object a line")
    .exitOverride()
    .action((module: string | undefined, options: DiagramOptions) =>
      settle(import("./diagram.ts").then(({ diagram }) => diagram(module, options, terminal))),
    );
}
