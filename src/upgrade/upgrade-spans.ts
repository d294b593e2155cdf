import type { StepFigures, UpgradeContext } from "../../machines/upgrade-context.ts";
import { coordinatorId, coordinatorPrefix, isUpgradeId } from "../control/ids.ts";
import { messageOf } from "../errors.ts";
import type { EngineSpans } from "../fleet-engine/effects/effect-runner.ts";
import { headsUpTo, isFinal, visitsOf } from "../fleet-engine/read/read.ts";
import type { Entry, Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import { type Clock, inTime } from "../ports/clock.ts";
import { findTracing, traceOf } from "../ports/tracing/open-telemetry.ts";
import type { Tracing } from "../ports/tracing/tracing.ts";
import { contextOf, unreadable } from "./fleet-journal.ts";

/** The means of the spans of upgrades. */
export interface UpgradeSpansPorts {
  readonly tracing: Tracing;
  readonly controlDatabaseName: string;
  readonly store: Pick<Store, "heads">;
  readonly log: Log;
}

/** The spans of this process, or null where its application traces nothing. */
export async function findUpgradeSpans(
  ports: Omit<UpgradeSpansPorts, "tracing">,
): Promise<UpgradeSpans | null> {
  const tracing = await findTracing();
  return tracing && new UpgradeSpans({ ...ports, tracing });
}

/** The spans of one agent's process. All processes of a fleet make the same trace of one upgrade. */
export class UpgradeSpans implements EngineSpans {
  readonly tracing: Tracing;
  readonly #ports: UpgradeSpansPorts;
  /** The coordinator's state in the last entry that was seen. */
  #seen = "";

  constructor(ports: UpgradeSpansPorts) {
    this.#ports = ports;
    this.tracing = ports.tracing;
  }

  traceOf(actor: string): string | undefined {
    const upgradeId = actor.slice(actor.lastIndexOf("/") + 1);
    if (!isUpgradeId(upgradeId)) return undefined;
    return traceOf(`${this.#ports.controlDatabaseName}/${upgradeId}`);
  }

  /** Sends the spans that are still held back, in the time that an agent has for it at its end. */
  async send(clock: Pick<Clock, "sleep">): Promise<void> {
    await inTime(this.tracing.flush(), limits.spansSendMs, clock);
  }

  /** Notes a schema step that has ended, with its batches. */
  stepEnded(upgradeId: string, { step, durationMs, documents, batches }: StepFigures): void {
    const counts = { "lockstep.documents": documents, "lockstep.batches": batches };
    const facts = { "lockstep.upgrade_id": upgradeId, "lockstep.step": step, ...counts };
    const within = this.traceOf(coordinatorId(upgradeId));
    this.tracing.ended(`lockstep.step ${step}`, durationMs, { facts, within });
  }

  /**
   * Follows an entry that this process has appended. One that leaves a state notes that state, and the last one the whole
   * upgrade. Their times are in the journal, so a successor notes also what began before it.
   */
  async follow(entry: Entry): Promise<void> {
    const { actor, state } = entry;
    const seen = `${actor} ${state}`;
    if (!actor.startsWith(coordinatorPrefix) || seen === this.#seen) return;
    this.#seen = seen;
    try {
      await this.#note(entry);
    } catch (error) {
      this.#ports.log.info({ actor, error: messageOf(error) }, "a span could not be noted");
    }
  }

  async #note(entry: Entry): Promise<void> {
    const { actor, state, epoch, at } = entry;
    const heads = await headsUpTo(this.#ports.store, entry);
    const left = visitsOf(heads).at(-2);
    // The first entry of this process may be a takeover, which leaves no state.
    if (left === undefined || heads.at(-2)?.state === state) return;
    const context = unreadable(entry) ? null : contextOf<UpgradeContext>(entry);
    const isTrouble = ["rolling-back", "blocked", "rolled-back"].includes(state);
    const reason = isTrouble ? (context?.blockedReason ?? context?.reason) : null;
    const failed = reason ? { error: reason.message } : {};
    const id = { "lockstep.upgrade_id": actor.slice(coordinatorPrefix.length) };
    const versions = { "lockstep.from": context?.from ?? "", "lockstep.to": context?.to ?? "" };
    const within = this.traceOf(actor);
    this.tracing.past(`lockstep.state ${left.state}`, {
      facts: { ...id, "lockstep.state": left.state, "lockstep.epoch": epoch },
      ...{ within, startMs: left.at, endMs: at, ...failed },
    });
    if (!isFinal(entry)) return;
    this.tracing.past("lockstep.upgrade", {
      facts: { ...id, ...versions, "lockstep.outcome": state },
      ...{ within, startMs: heads[0]?.at ?? at, endMs: at, ...failed },
    });
  }
}
