import type { Command } from "commander";
import type { FleetRequest } from "../../../operator/fleet-client.ts";
import type { Settle, SharedOptions, Terminal } from "../../run.ts";
import type { PauseOptions } from "./pause.ts";
import type { RetryOptions } from "./retry.ts";

const whyOption = ["--why <text>", "the reason, for the history", "no reason given"] as const;

/** Adds the commands by which an operator steers an upgrade that is under way, or clears up after one. */
export function addSteeringCommands(
  program: Command,
  terminal: Terminal,
  settle: Settle,
  shared: (command: Command) => Command,
): void {
  const asking = (request: FleetRequest, options: SharedOptions) =>
    settle(import("./ask.ts").then(({ ask }) => ask(request, options, terminal)));
  shared(program.command("abort").description("turn the active upgrade back"))
    .option(...whyOption)
    .action((options: SharedOptions & { why: string }) =>
      asking({ kind: "abort", why: options.why }, options),
    );
  shared(program.command("pause").description("stop the migration between two batches, gates shut"))
    .option(...whyOption)
    .option("--yes", "ask for no confirmation on a terminal; elsewhere nobody is asked")
    .action((options: PauseOptions) =>
      settle(import("./pause.ts").then(({ pause }) => pause(options, terminal))),
    );
  shared(
    program.command("resume").description("let a paused upgrade go on, or withdraw a pause"),
  ).action((options: SharedOptions) => asking({ kind: "resume" }, options));
  shared(program.command("retry").description("let a blocked upgrade continue"))
    .option(
      "--confirm <name>",
      "confirm with the database's name that writes of others are discarded",
    )
    .action((options: RetryOptions) =>
      settle(import("./retry.ts").then(({ retry }) => retry(options, terminal))),
    );
  shared(
    program.command("forget <agent>").description("remove an agent that never comes back"),
  ).action((agent: string, options: SharedOptions) => asking({ kind: "forget", agent }, options));
  shared(
    program
      .command("allow-writes")
      .description("let writers in again where no agent is left to do it"),
  )
    .option(
      "--force",
      "also while an upgrade is active, or where no upgrade is known to have blocked them",
    )
    .action((options: SharedOptions & { force?: boolean }) =>
      settle(import("./allow-writes.ts").then(({ allowWrites }) => allowWrites(options, terminal))),
    );
}
