import { limits } from "../../limits.ts";
import { countFiles, requireFilesForCopy } from "../../mongo/requirements/open-files.ts";
import type { Runner } from "../migration/runner.ts";

/**
 * Counts the files that a definition makes each mongod open, and asks from time to time whether it may: a step can add
 * hundreds of indexes. A rehearsal leaves room for the same on the live data, and for the copy that a way back loads.
 * @throws LockstepError `files-short`
 */
export async function addFiles(runner: Runner, files: number): Promise<void> {
  const asked = Math.ceil(runner.addedFiles / limits.filesAskedOnce);
  runner.addedFiles += files;
  if (runner.addedFiles <= asked * limits.filesAskedOnce) return;
  const { options } = runner;
  const isRehearsal = options.progressField === "rehearsal";
  const later = isRehearsal ? await countFiles(options.client, options.databaseName) : 0;
  await requireFilesForCopy(options, {
    liveFiles: 0,
    addedFiles: files + later,
    purpose: "for what the step adds and for a copy of it",
  });
}
