import type { Command } from "commander";
import { addDeadlineOption, addServingTimeout } from "../../input/deadlines.ts";
import { addStepOptions } from "../../input/step-source.ts";
import type { Settle, Terminal } from "../../run.ts";
import type { ApplyOptions, PlanOptions } from "./plan.ts";
import type { UpgradeOptions } from "./upgrade.ts";

/** Adds the commands that lead to another version: `lockstep plan`, `apply` and `upgrade`. */
export function addUpgradeCommands(
  program: Command,
  terminal: Terminal,
  settle: Settle,
  shared: (command: Command) => Command,
): void {
  const following = (command: Command) =>
    addServingTimeout(shared(command))
      .option("--no-wait", "return once the upgrade is accepted")
      .option("--wait-timeout <time>", "how long to wait for its end");
  const planning = program
    .command("plan <version>")
    .description(
      "show an upgrade as it would be, with each check; it writes nothing to the database",
    );
  addDeadlineOption(addStepOptions(shared(planning)))
    .option("--out <file>", "write the plan to this file, for `lockstep apply`")
    .action((version: string, options: PlanOptions) =>
      settle(import("./plan.ts").then(({ plan }) => plan(version, options, terminal))),
    );
  const applying = program
    .command("apply <file>")
    .description("ask for the upgrade of a plan, unless the fleet has changed since");
  addStepOptions(following(applying)).action((file: string, options: ApplyOptions) =>
    settle(import("./plan.ts").then(({ apply }) => apply(file, options, terminal))),
  );
  const upgrading = program
    .command("upgrade <version>")
    .description(
      "upgrade the fleet to a version; where its steps can be found, show the plan first",
    );
  addDeadlineOption(addStepOptions(following(upgrading)))
    .option("--yes", "ask for no confirmation on a terminal; elsewhere nobody is asked")
    .action((version: string, options: UpgradeOptions) =>
      settle(import("./upgrade.ts").then(({ upgrade }) => upgrade(version, options, terminal))),
    );
}
