import { LockstepError } from "../errors.ts";
import type { Terminal } from "./run.ts";

/**
 * A person types the name of the database, or a script gives it with `--confirm`.
 * @param what happens to the data
 * @throws LockstepError `bad-argument`
 */
export async function requireConfirmation(
  name: string,
  what: string,
  { confirm }: { readonly confirm?: string },
  terminal: Terminal,
): Promise<void> {
  const typed = confirm ?? (await terminal.question(`${what}; type its name to go on: `));
  if (typed === name) return;
  throw new LockstepError(
    "bad-argument",
    typed === null
      ? `expected the database's name as confirmation: --confirm ${name}`
      : `expected the database's name "${name}" as confirmation, got "${typed}"`,
  );
}
