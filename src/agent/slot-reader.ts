import type { FailureDetector } from "../control/failure-detector.ts";
import { isLockstepError } from "../errors.ts";
import type { AgentIdentity, AgentPorts } from "../upgrade/agent-identity.ts";
import {
  type ActiveUpgrade,
  mayBeMaster,
  readActiveUpgrade,
} from "../upgrade/coordinator/active-upgrade.ts";

/** The active upgrade as this process reads it, and whether this process may lead it. */
interface Slot {
  readonly activeUpgrade?: ActiveUpgrade | undefined;
  readonly mayLead: boolean;
}

/** Reads the active upgrade for the mastership of one process. */
export class SlotReader {
  readonly #agent: Pick<AgentIdentity, "agent" | "version">;
  readonly #ports: Pick<AgentPorts, "store" | "log">;
  readonly #failureDetector: FailureDetector;
  /** Why this build cannot read the active upgrade, or null. */
  #notRead: string | null = null;

  constructor(
    agent: Pick<AgentIdentity, "agent" | "version">,
    ports: Pick<AgentPorts, "store" | "log">,
    failureDetector: FailureDetector,
  ) {
    this.#agent = agent;
    this.#ports = ports;
    this.#failureDetector = failureDetector;
  }

  /**
   * Reads the active upgrade, and whether this process may be master. It may not where this build cannot read that
   * upgrade. An older upgrade that it cannot read does not matter.
   */
  async read(): Promise<Slot> {
    const { store, log } = this.#ports;
    try {
      const activeUpgrade = await readActiveUpgrade(store, this.#failureDetector);
      this.#notRead = null;
      return { activeUpgrade, mayLead: mayBeMaster(activeUpgrade, this.#agent) };
    } catch (error) {
      const isUnread = isLockstepError(error, "entry-not-readable");
      if (!isUnread && !isLockstepError(error, "record-broken")) throw error;
      if (this.#notRead !== error.message) {
        log.warn({ error: error.message }, "this build cannot lead the active upgrade");
      }
      this.#notRead = error.message;
      return { mayLead: false };
    }
  }
}
