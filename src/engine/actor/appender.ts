import { isLockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { soon } from "../../ports/soon.ts";
import type { Entry } from "../journal/entry.ts";
import type { Appended, EngineStore, Fence } from "../journal/store.ts";

/** Appends entries in groups. */
export interface Appender {
  append(entry: Entry): Promise<Appended>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly entry: Entry;
  readonly resolve: (result: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: the entries that come while earlier groups are on their way go together into the next group.
 * @param fence joins each group
 */
export function createAppender(store: EngineStore, fence?: () => Fence): Appender {
  const waiting: Waiting[] = [];
  const running = new Set<Promise<void>>();

  /** An entry that another one of its transaction took back goes into the next group. */
  const answer = (group: readonly Waiting[], results: readonly Appended[]) => {
    for (const [index, item] of group.entries()) {
      const result = results[index] as Appended;
      if (result.kind === "undone") waiting.unshift(item);
      else item.resolve(result);
    }
  };
  const commit = async (group: readonly Waiting[]): Promise<void> => {
    const entries = group.map(({ entry }) => entry);
    try {
      answer(group, await store.append(entries, fence === undefined ? {} : { fence: fence() }));
    } catch (error) {
      const isRefused = !isLockstepError(error) && group.length > 1;
      if (!isRefused) {
        for (const { reject } of group) reject(error);
        return;
      }
      // The driver refuses a whole group for one entry that it cannot send. What took effect already is found again.
      const half = Math.ceil(group.length / 2);
      for (const part of [group.slice(0, half), group.slice(half)]) await commit(part);
    }
  };
  /** The next group: at most one entry an actor, since the second one has to see the fate of the first one. */
  const takeGroup = (): readonly Waiting[] => {
    const group = waiting.splice(0, limits.engineGroupEntriesMax);
    const actors = new Set<string>();
    const later: Waiting[] = [];
    const first = group.filter((item) => {
      const isFirst = !actors.has(item.entry.actor);
      actors.add(item.entry.actor);
      if (!isFirst) later.push(item);
      return isFirst;
    });
    waiting.unshift(...later);
    return first;
  };
  const flush = () => {
    while (waiting.length > 0 && running.size < limits.engineGroupsMax) {
      const work = commit(takeGroup()).finally(() => {
        running.delete(work);
        flush();
      });
      running.add(work);
    }
  };

  return {
    append(entry) {
      const answered = new Promise<Appended>((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
      });
      // Entries that are made in the same turn go into one group.
      if (waiting.length === 1) soon(flush);
      return answered;
    },
    async idle() {
      while (waiting.length > 0 || running.size > 0) await Promise.allSettled([...running]);
    },
  };
}
