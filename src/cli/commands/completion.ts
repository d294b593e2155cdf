import { Argument, type Command } from "commander";
import { type Completable, completionScript, type Shell, shells } from "../completion.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Settle, Terminal } from "../run.ts";

/** A command and all commands below it. */
function completables(command: Command, path = ""): readonly Completable[] {
  const { commands, options, registeredArguments } = command;
  const below = commands.map((each) => each.name());
  const flags = options.flatMap(({ long }) => long ?? []);
  const named = registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const valued = options.filter(({ required, optional }) => required || optional);
  const own = {
    path,
    words: [...below, ...named, ...flags, "--help"],
    values: valued.map(({ long, argChoices }) => [long ?? "", argChoices ?? []] as const),
  };
  const deeper = commands.map((each) => {
    return completables(each, path === "" ? each.name() : `${path} ${each.name()}`);
  });
  return [own, ...deeper.flat()];
}

/** Adds `lockstep completion SHELL`, which knows every command that the program has by then. */
export function addCompletionCommand(program: Command, terminal: Terminal, settle: Settle): void {
  program
    .command("completion")
    .addArgument(new Argument("<shell>").choices(shells))
    .description(
      "print the script that completes commands and options in a shell: bash, zsh or fish",
    )
    .exitOverride()
    .action((shell: Shell) => settle(completion(shell, program, terminal)));
}

async function completion(shell: Shell, program: Command, terminal: Terminal): Promise<number> {
  terminal.out(completionScript(shell, program.name(), completables(program)));
  return exitCodes.done;
}
