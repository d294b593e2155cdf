import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Member } from "./mongod-process.ts";

/** The parts of a member by which it is kept running. */
type Kept = Pick<Member, "name" | "ended" | "restart" | "lastLines">;

/** Starts one member again each time that it ends. One that ends soon after its start, again and again, is given up. */
async function keepMember(
  member: Kept,
  clock: Clock,
  signal: AbortSignal,
  onEnd: (how: string) => void,
): Promise<void> {
  let soonEnds = 0;
  while (!signal.aborted) {
    const startedAtMs = clock.monotonicMs();
    const ended = new AbortController();
    const stopped = clock.sleep(Number.POSITIVE_INFINITY, AbortSignal.any([signal, ended.signal]));
    const end = await Promise.race([member.ended(), stopped]);
    ended.abort();
    if (signal.aborted || end === undefined) return;
    const how = end.signal ?? `code ${end.code}`;
    soonEnds = clock.monotonicMs() - startedAtMs < limits.devSettledMs ? soonEnds + 1 : 0;
    if (soonEnds >= limits.devSoonEndsMax) {
      throw new LockstepError(
        "mongod-does-not-run",
        `mongod "${member.name}" ended ${soonEnds} times in a row soon after its start, now with ${how}: ${await member.lastLines()}`,
        { member: member.name },
      );
    }
    onEnd(how);
    await member.restart();
  }
}

/**
 * Keeps all members running until the signal aborts, or until one of them cannot be kept.
 * @throws LockstepError `mongod-does-not-run`
 */
export async function keepMembers<Each extends Kept>(
  members: readonly Each[],
  clock: Clock,
  signal: AbortSignal,
  onEnd: (member: Each, how: string) => void,
): Promise<void> {
  const givenUp = new AbortController();
  const either = AbortSignal.any([signal, givenUp.signal]);
  try {
    await Promise.all(
      members.map((member) => keepMember(member, clock, either, (how) => onEnd(member, how))),
    );
  } catch (error) {
    // A start that was interrupted is no failure.
    if (!signal.aborted) throw error;
  } finally {
    givenUp.abort();
  }
}
