import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { identityOf, type ProcessIdentity, signalProcess } from "../ports/process.ts";

/** An agent that heeds its launcher. */
export interface Heeding {
  /** The launcher, where its agent knows it. */
  readonly launcher?: ProcessIdentity;
  readonly clock: Clock;
  /** Aborts once this agent stops. */
  readonly signal: AbortSignal;
  /** Is called once the launcher has ended, also where it had ended before. */
  onGone(): void;
}

/**
 * Resolves once the launcher has ended. A program between the two, such as tsx, keeps the agent's channel open after that.
 * Where it cannot be found from the beginning, as from another namespace of process ids, this never resolves.
 */
async function launcherEnded({ launcher, clock, signal }: Heeding): Promise<void> {
  const isThere = async () =>
    launcher !== undefined && (await identityOf(launcher.pid))?.started === launcher.started;
  if (!(await isThere().catch(() => false))) return await new Promise(() => {});
  while (!signal.aborted) {
    await clock.sleep(limits.launcherAliveLookMs, signal);
    // A look that failed says nothing: an agent without a free file goes on.
    if (!(await isThere().catch(() => true))) return;
  }
}

/**
 * Notices the end of the launcher, and its request that this process end: a shell or tsx between the two does not pass
 * each SIGTERM on, so the launcher also says it through the channel. A process without a channel gets neither.
 */
export function heedLauncher(heeding: Heeding): void {
  const { launcher, signal, onGone } = heeding;
  const hear = (message: unknown) => {
    const { type } = (message ?? {}) as { type?: unknown };
    if (type === "end") signalProcess(process.pid, "SIGTERM");
  };
  process.on("message", hear);
  process.once("disconnect", onGone);
  const unsubscribe = () => {
    process.off("message", hear);
    process.off("disconnect", onGone);
  };
  signal.addEventListener("abort", unsubscribe, { once: true });
  if (process.send && !process.connected) onGone();
  // The channel of a child of the launcher ends with the launcher.
  else if (launcher !== undefined && launcher.pid !== process.ppid) {
    void launcherEnded(heeding).then(() => {
      if (!signal.aborted) onGone();
    });
  }
}
