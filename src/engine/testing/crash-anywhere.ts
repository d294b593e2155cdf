import type { AnyStateMachine, EventFromLogic, EventObject, InputFrom } from "xstate";
import { LockstepError } from "../../errors.ts";
import type { DurableMachine, Duration } from "../definition/durable.ts";
import { parseDuration } from "../definition/durations.ts";
import { DurableRun } from "./durable-run.ts";
import type { Fault, FaultKind } from "./killable-store.ts";
import { LiveRun } from "./live-run.ts";
import { type Difference, differenceOf, type Observation } from "./observation.ts";

/** One step of a script. */
export type ScriptStep<TMachine extends AnyStateMachine = AnyStateMachine> =
  /** Somebody sends an event. */
  | { readonly send: EventFromLogic<TMachine> }
  /** Time goes by: every timer that is due on the way fires at its moment. */
  | { readonly elapse: Duration }
  /** The world changes: what a task waits for happens. It runs once a run, and not again after a crash. */
  | { readonly act: () => void | Promise<void> };

/** The options by which a script is played. */
export interface CrashOptions<TMachine extends AnyStateMachine = AnyStateMachine> {
  readonly input?: InputFrom<TMachine>;
  /** Called before each run: it puts back what tasks and actions have changed outside. */
  readonly reset?: () => void | Promise<void>;
  /** The kinds of faults at each durable write. Default: all three. */
  readonly faults?: readonly FaultKind[];
}

/** The place at which a durable actor and live XState differed. */
export interface CrashDifference extends Difference {
  /** As `killed before write 7: actor/3 (timer xstate.after.50.order.paid)`. */
  readonly point: string;
  /** The number of the step, from 1. 0: the start. */
  readonly step: number;
  readonly what: string;
}

/** The size of a proof in which everything was equal. */
export interface CrashReport {
  /** Runs of the script with a crash, and one without. */
  readonly runs: number;
  /** The durable writes of the run without a crash. Each was a point of every kind of fault. */
  readonly writes: readonly string[];
  readonly steps: number;
}

/**
 * Plays a script on a machine with live XState, and then on the engine, which is killed at one place a run: before each
 * durable write, after it, and with its answer lost, and between any two steps. A new engine takes over on the same
 * store at the same moment. After each step the value, context, status, output, error and tags of the actor and of its
 * children, the emitted events, the durable actions and the results of the tasks have to be those of live XState.
 *
 * Time is virtual and the store is in memory. Tasks and actions run for real, again after a crash: they have to answer
 * without waiting for real time, and by their input alone. Work of which the answers race with each other or with a
 * timer of the same moment may come in another order, so a script should not depend on it.
 * @throws LockstepError `differs-from-live` with the place of the crash, the step and both values
 */
export async function crashAnywhere<TMachine extends AnyStateMachine>(
  machine: DurableMachine<TMachine>,
  script: readonly ScriptStep<NoInfer<TMachine>>[],
  options: CrashOptions<NoInfer<TMachine>> = {},
): Promise<CrashReport> {
  const play = createPlayer(machine, script as readonly ScriptStep[], options);
  await play.live();
  const { writes } = await play.check([]);
  const kinds = options.faults ?? (["before", "after", "lost"] as const);
  let runs = 1;
  for (let write = 1; write <= writes.length; write += 1) {
    for (const kind of kinds) {
      await play.check([{ write, kind }]);
      runs += 1;
    }
  }
  for (let step = 0; step < script.length; step += 1) {
    await play.check([], step);
    runs += 1;
  }
  return { runs, writes, steps: script.length };
}

/** Plays one script again and again. */
export interface Player {
  /** Plays it live, for the comparison. */
  live(): Promise<readonly Observation[]>;
  /**
   * Plays it on the engine with faults.
   * @param killAfter the step after which the process is killed
   * @throws LockstepError `differs-from-live`
   */
  check(
    faults: readonly Fault[],
    killAfter?: number,
  ): Promise<{ readonly writes: readonly string[] }>;
}

function createPlayer(
  machine: DurableMachine,
  script: readonly ScriptStep[],
  { input, reset }: CrashOptions,
): Player {
  let expected: readonly Observation[] = [];
  return {
    async live() {
      await reset?.();
      const run = new LiveRun(machine, input);
      await run.start();
      const seen = [run.observe()];
      for (const step of script) {
        await play(run, step);
        seen.push(run.observe());
      }
      run.stop();
      expected = seen;
      return expected;
    },
    async check(faults, killAfter) {
      await reset?.();
      const run = new DurableRun(machine, input, {
        faults: new Map(faults.map(({ write, kind }) => [write, kind])),
      });
      try {
        await run.start();
        for (let step = 0; ; step += 1) {
          if (killAfter === step) await run.kill();
          const isOver = await compare(run, step);
          const next = script[step];
          if (next === undefined || isOver) break;
          await play(run, next);
        }
        return { writes: run.writes };
      } finally {
        run.dispose();
      }

      async function compare(durable: DurableRun, step: number): Promise<boolean> {
        const live = expected[step] as Observation;
        // The one documented difference: an event that live XState cannot take ends the live actor, and a durable one lives.
        if (durable.rejected !== null && live.root.status === "error") return true;
        const found = differenceOf(live, await durable.observe());
        if (found === null) return false;
        throw differs(machine, script, found, step, pointOf(faults, killAfter, durable.writes));
      }
    },
  };
}

async function play(run: LiveRun | DurableRun, step: ScriptStep): Promise<void> {
  if ("send" in step) await run.send(step.send as EventObject);
  else if ("elapse" in step) await run.elapse(parseDuration("elapse", step.elapse));
  else {
    await step.act();
    await run.settle();
  }
}

const wordOf: Readonly<Record<FaultKind, string>> = {
  before: "killed before write",
  after: "killed after write",
  lost: "the answer was lost of write",
};

function pointOf(
  faults: readonly Fault[],
  killAfter: number | undefined,
  writes: readonly string[],
): string {
  if (killAfter !== undefined) return `killed after step ${killAfter}`;
  if (faults.length === 0) return "without a crash";
  return faults
    .map(({ kind, write }) => `${wordOf[kind]} ${write}: ${writes[write - 1] ?? "not reached"}`)
    .join("; ");
}

function stepText(step: ScriptStep | undefined): string {
  if (step === undefined) return "the start";
  if ("send" in step) return `send ${JSON.stringify((step.send as EventObject).type)}`;
  return "elapse" in step ? `elapse ${step.elapse}` : "act";
}

function differs(
  { name }: DurableMachine,
  script: readonly ScriptStep[],
  found: Difference,
  step: number,
  point: string,
): LockstepError {
  const what = stepText(script[step - 1]);
  const details: CrashDifference = { ...found, point, step, what };
  return new LockstepError(
    "differs-from-live",
    `expected "${name}" to behave as live XState, found another ${found.where} after step ${step} (${what}), ${point}: live ${found.live}, durable ${found.durable}`,
    { ...details },
  );
}
