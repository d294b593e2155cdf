import { LockstepError } from "../errors.ts";

/** The refusal of a port on which a member cannot listen. Pure. */
export function portTaken(port: number, why = "another program listens there"): LockstepError {
  return new LockstepError(
    "port-taken",
    `expected port ${port} of 127.0.0.1 to be free, ${why}: end that program, or name the first of other ports with --port`,
    { port },
  );
}
