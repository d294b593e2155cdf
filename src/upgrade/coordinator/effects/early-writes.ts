import type { UpgradeContext } from "../../../../machines/upgrade-context.ts";
import { coordinatorId } from "../../../control/ids.ts";
import { readKeptCatalogue } from "../../../control/kept-catalogues.ts";
import { writesText } from "../../../database/isolation/foreign-writes.ts";
import { cutTo, LockstepError, messageOf } from "../../../errors.ts";
import { callerKey } from "../../../fleet-engine/event-key.ts";
import { limits } from "../../../limits.ts";
import { type Catalogue, differences } from "../../../mongo/catalogue/catalogue.ts";
import { inTime } from "../../../ports/clock.ts";
import type { AgentWorld } from "../../agent-world.ts";
import type { Acting } from "../../database/upgrade-database.ts";
import { contextOf } from "../../fleet-journal.ts";
import { gatesShutKey } from "../../protocol/derive.ts";

type Words = readonly string[];

/** A search that must delay neither an upgrade nor its way back: where it fails, its finds stay unknown. */
async function orUnknown(
  { log }: AgentWorld,
  look: () => Promise<Words>,
): Promise<Words | undefined> {
  try {
    return await look();
  } catch (error) {
    log.info({ error: messageOf(error) }, "some early writes are not known");
    return undefined;
  }
}

/** @throws LockstepError `timeout` where the work goes on for longer than a look may */
async function inLookTime<Found>({ clock }: AgentWorld, what: string, work: Promise<Found>) {
  const found = await inTime(work, limits.earlyWritesLookMs, clock);
  if (found !== null) return found;
  const message = `${what} could not be read within ${limits.earlyWritesLookMs} ms`;
  throw new LockstepError("timeout", message);
}

/**
 * The definitions that have changed since the acceptance, in words: by a build as it started, by an application that
 * still drained, or by somebody outside. For an upgrade that an earlier build accepted there are none.
 */
async function changedDefinitions(
  { store }: AgentWorld,
  upgradeId: string,
  digest: string | undefined,
  readLive: () => Promise<Catalogue>,
): Promise<Words> {
  if (digest === undefined) return [];
  const accepted = (await readKeptCatalogue(store, upgradeId, digest)) as Catalogue;
  const words = differences(accepted, await readLive(), { ignoreUuid: false });
  const left = words.length - limits.offendingDocumentsMax;
  const named = words.slice(0, limits.offendingDocumentsMax);
  return left > 0 ? [...named, `and ${left} more`] : named;
}

/** The documents that others have written since the master noted that all gates were shut, in words. */
async function writtenDocuments(world: AgentWorld, acting: Acting): Promise<Words> {
  const heads = await world.store.heads(acting.actor);
  const shut = heads.find(({ eventKey }) => eventKey === callerKey(gatesShutKey));
  if (shut === undefined) return [];
  const over = new AbortController();
  const signal = AbortSignal.any([acting.signal, over.signal]);
  const look = world.database.findWritesSince({ ...acting, signal }, shut.at);
  const found = await inLookTime(world, "the oplog since the gates were shut", look).finally(() =>
    over.abort(),
  );
  if (found.count === 0) return [];
  return [`while all gates were shut: ${writesText(found.writes, found.count)}`];
}

/**
 * Looks for early writes: the changes since the acceptance that no copy precedes, in words. A way back keeps
 * them. Where writers outside the fleet are prevented, they may write until T, so no document shows that a build wrote it.
 * @param readLive default: reads the definitions now, if that does not take too long
 */
export async function lookForEarlyWrites(
  world: AgentWorld,
  acting: Acting,
  upgradeId: string,
  readLive = () => inLookTime(world, "the definitions", world.database.live.catalogue()),
): Promise<Words> {
  const { foreignWrites, log, store } = world;
  const tail = await store.tail(coordinatorId(upgradeId));
  const context: Partial<UpgradeContext> = tail ? contextOf<UpgradeContext>(tail) : {};
  const looks = await Promise.all([
    orUnknown(world, () => changedDefinitions(world, upgradeId, context.catalogue, readLive)),
    orUnknown(world, async () =>
      foreignWrites === "prevented" ? [] : writtenDocuments(world, acting),
    ),
  ]);
  // A process that ends would find less than its successor.
  acting.signal.throwIfAborted();
  // A search that fails must not hide the finds of an earlier one, before another time T.
  const known = looks.includes(undefined) ? (context.earlyWrites ?? []) : [];
  // A name or an `_id` may be longer than the journal takes.
  const found = looks.flatMap((words = []) => words);
  const early = [
    ...new Set([...known, ...found.map((word) => cutTo(word, limits.reasonMessageLengthMax))]),
  ];
  if (early.length > 0) {
    log.warn({ upgradeId, early }, "there are early writes: a way back keeps them");
  }
  return early;
}
