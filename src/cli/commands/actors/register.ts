import { type Command, Option } from "commander";
import { limits } from "../../../limits.ts";
import { actorStatuses } from "../../../operator/actors/statuses.ts";
import type { EngineOptions } from "../../input/engine-options.ts";
import { addMongoUrlOptions } from "../../input/mongo-url.ts";
import type { Settle, Terminal } from "../../run.ts";
import type { ListOptions, WhyOptions } from "./read.ts";
import type { SendOptions } from "./send.ts";

// The engine is loaded only where a command needs it: it takes as long as all the rest of the command line.
const reading = () => import("./read.ts");
const sending = () => import("./send.ts");

/** Adds `lockstep actors list`, `show`, `why` and `send`, for the actors of the public engine. */
export function addActorsCommands(program: Command, terminal: Terminal, settle: Settle): void {
  const actors = program
    .command("actors")
    .description("look at the actors of an engine, and send them events")
    .exitOverride();
  const onEngine = (command: Command) =>
    addMongoUrlOptions(command)
      .option("--database <name>", "the engine's database (default: the URL's)")
      .option("--json", "print one JSON object a line")
      .option("--timeout <time>", "how long to wait for the database, as 30s")
      .exitOverride();
  onEngine(actors.command("list").description("list actors in the order of their ids"))
    .option("--machine <name>", "only those of this machine")
    .option("--state <state>", "only those in this state of the machine")
    .option("--tag <tag>", "only those with this tag of the machine")
    .addOption(
      new Option("--status <status>", "only those with this status").choices(actorStatuses),
    )
    .option(
      "--waiting-since <time>",
      "only those in their state since then: 2h, or 2026-01-31T06:00:00Z",
    )
    .option(
      "--limit <number>",
      `at most so many, up to ${limits.listedActorsMax}`,
      String(limits.listedActorsDefault),
    )
    .option("--after <id>", "go on after this id")
    .action((options: ListOptions) =>
      settle(reading().then(({ list }) => list(options, terminal))),
    );
  onEngine(
    actors.command("show <id>").description("show an actor's state, values and last transitions"),
  ).action((id: string, options: EngineOptions) =>
    settle(reading().then(({ show }) => show(id, options, terminal))),
  );
  onEngine(
    actors.command("why <id>").description("say which event, timer or work can move an actor"),
  )
    .option("--module <path>", "a module that exports its durable machine, which tells the events")
    .action((id: string, options: WhyOptions) =>
      settle(reading().then(({ why }) => why(id, options, terminal))),
    );
  onEngine(
    actors
      .command("send <module> <id> <event>")
      .description("send an event, as JSON, to an actor of a machine that the module exports"),
  )
    .option("--key <key>", "make the event count once")
    .option("--yes", "send it without a question")
    .action((module: string, id: string, event: string, options: SendOptions) =>
      settle(sending().then(({ send }) => send(module, id, event, options, terminal))),
    );
}
