import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type LiveActor, pathOf } from "./xstate/xstate-internals.ts";

export function replaced(actor: LiveActor): LockstepError {
  const path = pathOf(actor);
  return new LockstepError(
    "value-not-kept",
    `${path}: expected one child of this id, found a second one, while the first still runs where nobody finds it: stop the first one before, or give the second one another \`id\``,
    { path },
  );
}

export function endless(): LockstepError {
  return new LockstepError(
    "transition-endless",
    `expected a transition to end within ${limits.microstepsPerEventMax} steps and ${limits.messagesPerTransitionMax} messages between the actors, found no end: break the cycle, or delay one of its events`,
  );
}

export function notReadable(actor: string, why: string): LockstepError {
  return new LockstepError(
    "entry-not-readable",
    `expected a snapshot of "${actor}" that this version of its machine can go on from, found: ${why}: register the version that wrote it, or a way to migrate`,
    { actor },
  );
}
