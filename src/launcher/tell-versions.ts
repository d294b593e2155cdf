import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { ChildProcess } from "../ports/process.ts";
import type { WakeUp } from "../ports/waiting/wake-up.ts";
import type { VersionsFile } from "./versions-file.ts";

/**
 * Reads the versions file again and again, and tells the child of each change, so that a version that is installed meanwhile
 * can be upgraded to. A file that cannot be read, as one that is being written, changes nothing.
 * @param options.signal aborts once the child has ended
 */
export async function tellVersions(options: {
  child: ChildProcess;
  read(): Promise<VersionsFile>;
  /** The versions that the child knows. */
  versions: readonly string[];
  wakeUp: WakeUp;
  log(): Log;
  signal: AbortSignal;
}): Promise<void> {
  const { child, read, wakeUp, log, signal } = options;
  let known = options.versions.join();
  let trouble = "";
  while (!signal.aborted) {
    await wakeUp.wait(limits.launcherVersionsLookMs, signal);
    if (signal.aborted) return;
    try {
      const versions = Object.keys((await read()).versions);
      trouble = "";
      if (versions.join() === known || !child.connected) continue;
      known = versions.join();
      log().info({ versions }, "the versions file has changed");
      // A child that ends meanwhile reads the file at its next start.
      child.send({ type: "startable", versions }, () => {});
    } catch (error) {
      if (messageOf(error) !== trouble)
        log().error({ error: messageOf(error) }, "no versions file");
      trouble = messageOf(error);
    }
  }
}
