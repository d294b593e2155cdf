import { LockstepError } from "../errors.ts";
import { exitCodes } from "./exit-codes.ts";

/** The exit code of Node for an await at the top of a module that can never end. */
const exitUnsettled = 13;

/** The failure of a command whose process ends before it does. Pure. */
function earlyEnd(code: number): LockstepError {
  const how =
    code === exitUnsettled ? "an await in a module never ends" : `it ended with code ${code}`;
  return new LockstepError(
    "unexpected",
    `expected this process to live until the command has come to its end, found that ${how}: a module that it runs may not end it, as by process.exit`,
    { code },
  );
}

/**
 * Makes a failure of each end of this process that the command has not come to: a module of the user may call
 * `process.exit(0)`, which is no success.
 * @returns to be called where the process may end
 */
export function refuseEarlyEnd(say: (error: LockstepError) => void): () => void {
  let mayEnd = false;
  process.on("exit", (code) => {
    if (mayEnd) return;
    // Node has set its own code for an endless await by now.
    const found = Number(process.exitCode ?? code);
    process.exitCode = exitCodes.failed;
    say(earlyEnd(found));
  });
  return () => {
    mayEnd = true;
  };
}
