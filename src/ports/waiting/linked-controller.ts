import { setMaxListeners } from "node:events";

/** A controller that is aborted with other signals, until it is unlinked. */
export interface LinkedController {
  readonly controller: AbortController;
  /** Removes it from the sources. */
  unlink(): void;
}

/**
 * Makes a controller that is aborted as soon as one of the sources is. It is for controllers that are made again and
 * again beside a signal of the whole process, where `AbortSignal.any` leaves something behind each time.
 */
export function linkController(sources: readonly AbortSignal[]): LinkedController {
  const controller = new AbortController();
  // There are as many listeners as running effects, so Node's warning of a leak is wrong here.
  setMaxListeners(0, ...sources);
  const links = sources.map((source) => {
    const follow = () => controller.abort(source.reason);
    if (source.aborted) follow();
    else source.addEventListener("abort", follow, { once: true });
    return () => source.removeEventListener("abort", follow);
  });
  return {
    controller,
    unlink() {
      for (const unlink of links) unlink();
    },
  };
}
