import { type Command, Option } from "commander";
import { addMongoUrlOptions } from "../../input/mongo-url.ts";
import type { Settle, SharedOptions, Terminal } from "../../run.ts";
import type { WaitForOptions } from "./wait.ts";
import { goals } from "./wait-goals.ts";

/** Adds the commands that look at a fleet: `lockstep status`, `watch`, `wait`, `explain`, `doctor` and `history`. */
export function addLookingCommands(
  program: Command,
  terminal: Terminal,
  settle: Settle,
  shared: (command: Command) => Command,
): void {
  shared(program.command("status").description("show the state of the fleet")).action(
    (options: SharedOptions) =>
      settle(import("./status.ts").then(({ status }) => status(options, terminal))),
  );
  shared(
    program
      .command("watch")
      .description("show the state again at each change, until Ctrl-C, which ends nothing else"),
  ).action((options: SharedOptions) =>
    settle(import("./watch.ts").then(({ watch }) => watch(options, terminal))),
  );
  addMongoUrlOptions(
    program.command("wait").description("wait until an upgrade has ended, or the fleet serves"),
  )
    .addOption(
      new Option("--for <goal>", "the end of the wait").choices(goals).makeOptionMandatory(),
    )
    .option("--upgrade <id>", "the upgrade that is waited for (default: the latest)")
    .option("--timeout <time>", "how long to wait, as 90s, 10m or 2h (default: 24h)")
    .option("--fleet <name>", "the fleet's name (default: the database's name)")
    .option("--json", "print one JSON object a line")
    .exitOverride()
    .action((options: WaitForOptions) =>
      settle(import("./wait.ts").then(({ wait }) => wait(options, terminal))),
    );
  shared(
    program
      .command("explain [agent]")
      .description("explain what failed, what was tried, what is safe, and what to do"),
  ).action((agent: string | undefined, options: SharedOptions) =>
    settle(import("./explain.ts").then(({ explain }) => explain(agent, options, terminal))),
  );
  shared(
    program
      .command("doctor")
      .description("examine the replica set, the fleet and its agents, and say how to mend them"),
  ).action((options: SharedOptions) =>
    settle(import("./doctor.ts").then(({ doctor }) => doctor(options, terminal))),
  );
  shared(program.command("history").description("list all upgrades of the fleet")).action(
    (options: SharedOptions) =>
      settle(import("./history.ts").then(({ history }) => history(options, terminal))),
  );
}
