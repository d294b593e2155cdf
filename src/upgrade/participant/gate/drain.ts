import { LockstepError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Log } from "../../../log.ts";
import type { Clock } from "../../../ports/clock.ts";

/** The limit of a drain, the parties that hear of it, and the way out where it is not kept. */
export interface DrainPorts {
  readonly clock: Clock;
  readonly drainTimeoutMs: number;
  /** Tells the launcher, which ends a process that cannot end itself: the application may block the event loop. */
  reportDraining(limitMs: number): Promise<void>;
  reportDrained(): void;
  /** Ends this process: its application has not drained. */
  leaveUndrained(): void;
}

/** The draining of an application. */
export interface Drain {
  /** Starts the clock. */
  begin(): void;
  /** Drains. After a failure the next call tries again, within the same limit. */
  run(): Promise<void>;
  /** Stops the clock: the application has drained, or had not begun. */
  end(): void;
}

interface UnderWay {
  readonly announced: Promise<unknown>;
  readonly overtime: AbortController;
  readonly ended: AbortController;
}

export function createDrain(
  { clock, drainTimeoutMs, reportDraining, reportDrained, leaveUndrained }: DrainPorts,
  options: {
    log: Log;
    onShut(drain: { readonly signal: AbortSignal }): Promise<void> | void;
    /** Notes in this agent's record that it drains. */
    note(): Promise<unknown>;
  },
): Drain {
  const { log } = options;
  let underWay: UnderWay | undefined;

  const watch = async ({ overtime, ended }: Pick<UnderWay, "overtime" | "ended">) => {
    await clock.sleep(drainTimeoutMs, ended.signal);
    if (ended.signal.aborted) return;
    const message = `the application has not drained in ${drainTimeoutMs} ms`;
    log.warn({ drainTimeoutMs }, "the application has not drained in time");
    overtime.abort(new LockstepError("timeout", message));
    await clock.sleep(limits.drainGraceMs, ended.signal);
    if (ended.signal.aborted) return;
    log.error({ drainTimeoutMs }, "the application does not drain: leaving with the gate open");
    leaveUndrained();
  };

  /** The application may block this process from its first moment on, so others hear of the drain before. */
  const announce = () =>
    Promise.all([
      reportDraining(drainTimeoutMs),
      Promise.race([
        options.note().catch((error: unknown) => {
          log.warn({ error: messageOf(error) }, "the drain could not be noted for the fleet");
        }),
        clock.sleep(limits.drainNoteMs),
      ]),
    ]);

  const begin = (): UnderWay => {
    if (underWay) return underWay;
    const [overtime, ended] = [new AbortController(), new AbortController()];
    underWay = { overtime, ended, announced: announce() };
    void watch(underWay);
    return underWay;
  };

  return {
    begin: () => void begin(),
    async run() {
      const { announced, overtime } = begin();
      await announced;
      await options.onShut({ signal: overtime.signal });
    },
    end() {
      if (!underWay) return;
      underWay.ended.abort();
      underWay = undefined;
      reportDrained();
    },
  };
}
