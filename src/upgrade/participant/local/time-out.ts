import { messageOf } from "../../../errors.ts";
import type { LocalRun } from "./local-steps.ts";

/**
 * Writes the verdict down as soon as the time is over: work that ignores its signal takes its process along before it
 * answers, and the next process must not take that end for a death.
 * @param write writes the message of the time-out down
 * @returns ends that, and waits for a write that has begun
 */
export function noteTimeOut(
  { overtime, log }: Pick<LocalRun, "overtime" | "log">,
  write: (timedOut: string) => Promise<void>,
): () => Promise<void> {
  let noting: Promise<void> = Promise.resolve();
  const note = () => {
    noting = write(messageOf(overtime.reason)).catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, "the time-out of the work on this host was not kept");
    });
  };
  overtime.addEventListener("abort", note, { once: true });
  return () => {
    overtime.removeEventListener("abort", note);
    return noting;
  };
}
