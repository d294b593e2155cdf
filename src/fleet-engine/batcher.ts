import type { AppendResult, Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Transition } from "./transition.ts";

/** Group commit: entries that wait while one append is in progress go together into the next. */
export interface Batcher {
  append(step: Transition): Promise<AppendResult>;
  /** Resolves when no append is in progress any more. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly step: Transition;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches entries without writes; an entry with writes is a transaction of its own. */
export function createBatcher(store: Store): Batcher {
  const waiting: Waiting[] = [];
  const running = new Set<Promise<void>>();
  let flushing = false;

  const flush = async (): Promise<void> => {
    flushing = true;
    while (waiting.length > 0) {
      const actors = new Set<string>();
      const batch: Waiting[] = [];
      const rest: Waiting[] = [];
      for (const item of waiting.splice(0)) {
        const { actor } = item.step.entry;
        const fits = batch.length < limits.groupCommitEntriesMax && !actors.has(actor);
        if (fits) actors.add(actor);
        (fits ? batch : rest).push(item);
      }
      waiting.push(...rest);
      try {
        const results = await store.append(batch.map(({ step }) => step.entry));
        batch.forEach(({ resolve }, index) => {
          resolve(results[index] as AppendResult);
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    flushing = false;
  };
  const track = (work: Promise<void>) => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };

  return {
    append(step) {
      return new Promise((resolve, reject) => {
        if (step.writes.length > 0) {
          const alone = store
            .append([step.entry], step.writes)
            .then(([result]) => resolve(result as AppendResult), reject);
          track(alone);
          return;
        }
        waiting.push({ step, resolve, reject });
        if (!flushing) track(Promise.resolve().then(flush));
        flushing = true;
      });
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled([...running]);
    },
  };
}
