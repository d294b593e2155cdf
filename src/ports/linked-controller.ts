import { setMaxListeners } from "node:events";

/** A controller that is aborted with others' signals, until it is unlinked. */
export interface LinkedController {
  readonly controller: AbortController;
  /** Leaves nothing of it with the sources. */
  unlink(): void;
}

/**
 * A controller that is aborted as soon as one of the sources is. For what is made again and again beside a
 * signal that lives as long as the process: there `AbortSignal.any` leaves something behind each time.
 */
export function linkController(sources: readonly AbortSignal[]): LinkedController {
  const controller = new AbortController();
  // As many as there are effects under way: no leak that Node has to warn of.
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
