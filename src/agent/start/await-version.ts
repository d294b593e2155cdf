import { readVersions } from "../../control/versions.ts";
import { LockstepError } from "../../errors.ts";
import type { Store, Versions } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * Waits until the fleet's version is declared, and says how to declare it. It only reads. An agent that declares the
 * version itself does not wait.
 * @param options.reportWaiting tells the launcher, so that this version is not blamed
 * @throws LockstepError `aborted` where the signal aborts before
 */
export async function awaitVersion(options: {
  store: Store;
  clock: Clock;
  log: Log;
  agent: string;
  fleet: string;
  version: string;
  initialize: boolean;
  signal: AbortSignal;
  reportWaiting(): void;
}): Promise<Versions | undefined> {
  const { store, clock, log, agent, fleet, version, signal } = options;
  const looksPerNote = limits.versionNoteMs / limits.versionLookMs;
  for (let look = 0; !signal.aborted; look += 1) {
    const versions = await readVersions(store);
    if (versions || options.initialize) return versions;
    options.reportWaiting();
    if (look % looksPerNote === 0) {
      const command = `lockstep init ${version}`;
      log.warn(
        { agent, fleet, command },
        `the version of the fleet "${fleet}" is not declared yet, so this agent waits: run \`${command}\` once, with the URL of this agent`,
      );
    }
    await clock.sleep(limits.versionLookMs, signal);
  }
  throw new LockstepError("aborted", "this agent was stopped before its fleet had a version");
}
