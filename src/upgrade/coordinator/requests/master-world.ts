import type { ForeignWritesPolicy } from "../../../../machines/vocabulary.ts";
import type { FailureDetector } from "../../../control/failure-detector.ts";
import type { Engine } from "../../../fleet-engine/engine.ts";
import type { Store, Write } from "../../../journal/store.ts";
import type { Log } from "../../../log.ts";
import type { ExtraCopy, Judged } from "../../database/upgrade-database.ts";
import type { Step } from "../../protocol/steps.ts";

/** The means by which a master serves requests. */
export interface MasterWorld {
  readonly store: Store;
  readonly engine: Engine;
  /** Joins each write of this master outside of the engine. */
  readonly fence: Write;
  readonly failureDetector: FailureDetector;
  readonly foreignWrites: ForeignWritesPolicy;
  /** The steps of this build. */
  readonly steps: readonly Step[];
  readonly log: Log;
  /** Refuses an upgrade for which the deployment, the database or the disks are not fit, and names the cause. */
  preflight(extra: ExtraCopy): Promise<Judged>;
}
