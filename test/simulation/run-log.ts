import { createHash } from "node:crypto";
import type { Entry } from "../../src/journal/store.ts";
import type { Scheduler } from "./scheduler.ts";

const problemsMax = 20;

/** The events of one run, with their times. */
export interface RunLog {
  readonly timeline: readonly string[];
  readonly problems: readonly string[];
  note(what: string): void;
  problem(words: string): void;
  /** An entry for the trace. */
  journalled(entry: Entry): void;
  /** SHA-256 over everything that was journalled. */
  trace(): string;
}

export function createRunLog(scheduler: Scheduler): RunLog {
  const timeline: string[] = [];
  const problems: string[] = [];
  const trace = createHash("sha256");
  const stamp = () => `${(scheduler.nowMs() / 1000).toFixed(3)} s`;
  return {
    ...{ timeline, problems },
    note(what) {
      timeline.push(`${stamp()} ${what}`);
    },
    problem(words) {
      if (problems.length < problemsMax) problems.push(`${stamp()} ${words}`);
    },
    journalled({ actor, revision, event, state, at }) {
      trace.update(`${actor}@${revision} ${event.type} ${state} ${at}\n`);
    },
    trace: () => trace.digest("hex"),
  };
}
