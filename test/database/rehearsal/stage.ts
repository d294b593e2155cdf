import { compareDump } from "../../../src/database/backup/dump/verify-dump.ts";
import { dataDatabase } from "../../../src/database/data-database.ts";
import type { StepsRun, StepToRun } from "../../../src/database/migration/runner.ts";
import {
  createPartialCopy,
  type PartialCopy,
} from "../../../src/database/rehearsal/partial-copy.ts";
import { type Rehearsed, rehearseSteps } from "../../../src/database/rehearsal/rehearse-steps.ts";
import { withScratch } from "../../../src/database/restore/scratch.ts";
import { silentLog } from "../../../src/log.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { never, type Setting, type takeCopy, withMember } from "../setting.ts";

/** A part of a copy in a scratch database, and the means to rehearse on it. */
export interface Stage {
  readonly part: PartialCopy;
  readonly name: string;
  rehearse(steps: readonly StepToRun[]): Promise<Rehearsed>;
  /** The number of documents of each collection that has some. */
  counts(): Promise<Readonly<Record<string, number>>>;
}

/** Makes the definitions of a copy in a scratch database, as the rehearsal of an upgrade does. */
export async function onPartOf<Result>(
  setting: Setting,
  { directory }: Pick<Awaited<ReturnType<typeof takeCopy>>, "directory">,
  act: (stage: Stage) => Promise<Result>,
  change: (dump: Awaited<ReturnType<typeof compareDump>>) => typeof dump = (dump) => dump,
): Promise<Result> {
  const { client, control } = setting;
  const ports = { faultPoints: noFaults, clock: systemClock, log: silentLog };
  const dump = change(await compareDump(directory));
  const purpose = "a test";
  return withScratch({ client, control, purpose, signal: never, ...ports }, async (scratch) => {
    const { name, target, fenced } = scratch;
    const live = { client, databaseName: setting.name };
    const options = { target: { ...target, log: silentLog }, directory, dump, live };
    const part = await createPartialCopy(options);
    const database = dataDatabase(
      { client, withMember, control: fenced.control, faultPoints: noFaults },
      name,
      "rehearsal",
    );
    const run: Omit<StepsRun, "steps"> = {
      ...{ upgradeId: "u000002", now: new Date(0), holder: "a1:1", isDead: async () => false },
      ...{ mastership: fenced.mastership, signal: never, clock: systemClock, log: silentLog },
    };
    try {
      return await act({
        ...{ part, name },
        rehearse: (steps) => rehearseSteps(database, { ...run, steps }, 60_000, part),
        async counts() {
          const counts: Record<string, number> = {};
          for (const [each, { count }] of Object.entries(await database.digests())) {
            if (count > 0) counts[each] = count;
          }
          return counts;
        },
      });
    } finally {
      await part.close();
    }
  });
}
