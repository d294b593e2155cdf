import type { Command } from "commander";
import { LockstepError } from "../../errors.ts";
import { type Completable, completionScript, shells } from "../completion.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Settle, Terminal } from "../run.ts";

/** A command and all commands below it. */
function completables(command: Command, path = ""): readonly Completable[] {
  const { commands, options } = command;
  const below = commands.map((each) => each.name());
  const flags = options.flatMap(({ long }) => long ?? []);
  const own = { path, words: [...below, ...flags, "--help"] };
  const deeper = commands.map((each) => {
    return completables(each, path === "" ? each.name() : `${path} ${each.name()}`);
  });
  return [own, ...deeper.flat()];
}

/** Adds `lockstep completion SHELL`, which knows every command that the program has by then. */
export function addCompletionCommand(program: Command, terminal: Terminal, settle: Settle): void {
  program
    .command("completion <shell>")
    .description(
      "print the script that completes commands and options in a shell: bash, zsh or fish",
    )
    .exitOverride()
    .action((shell: string) => settle(completion(shell, program, terminal)));
}

async function completion(named: string, program: Command, terminal: Terminal): Promise<number> {
  const shell = shells.find((each) => each === named);
  if (shell === undefined) {
    throw new LockstepError(
      "bad-argument",
      `expected the shell to be one of ${shells.join(", ")}, got "${named}"`,
    );
  }
  terminal.out(completionScript(shell, program.name(), completables(program)));
  return exitCodes.done;
}
