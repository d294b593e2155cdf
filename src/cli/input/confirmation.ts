import { LockstepError } from "../../errors.ts";
import type { Terminal } from "../run.ts";

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

/**
 * A person on a terminal types "yes". A script says `--yes`. Where neither a terminal nor `--json` lets anybody answer, the
 * command line itself is the answer.
 * @param what happens, in one sentence
 * @throws LockstepError `bad-argument`
 */
export async function requireYes(
  what: string,
  { yes, json }: { readonly yes?: boolean; readonly json?: boolean },
  terminal: Pick<Terminal, "question">,
): Promise<void> {
  if (yes || json) return;
  const typed = await terminal.question(`${what}; type "yes" to go on: `);
  if (typed === null || typed.trim() === "yes") return;
  throw new LockstepError(
    "bad-argument",
    `expected "yes" as confirmation, got "${typed}": nothing was asked for; scripts use --yes`,
  );
}
