import type { UpgradeInput } from "../../../../machines/upgrade-context.ts";
import { readKeptCatalogue } from "../../../control/kept-catalogues.ts";
import { writesText } from "../../../database/isolation/foreign-writes.ts";
import { LockstepError, messageOf } from "../../../errors.ts";
import { callerKey } from "../../../fleet-engine/event-key.ts";
import { limits } from "../../../limits.ts";
import { type Catalogue, differences } from "../../../mongo/catalogue/catalogue.ts";
import { inTime } from "../../../ports/clock.ts";
import type { Acting } from "../../database/upgrade-database.ts";
import { gatesShutKey } from "../../protocol/derive.ts";
import type { World } from "../../world.ts";
import { acceptedInput } from "./step-runs.ts";

type Words = readonly string[];

/** A look that must keep no upgrade and no way back: where it fails, it has found nothing. */
async function orNothing({ log }: World, look: () => Promise<Words>): Promise<Words> {
  try {
    return await look();
  } catch (error) {
    log.info({ error: messageOf(error) }, "some early writes are not known");
    return [];
  }
}

/**
 * The definitions that have changed since the acceptance, in words: by a build as it started, by an application that
 * still drained, or by somebody outside. An upgrade that an earlier build accepted tells nothing.
 */
async function changedDefinitions(
  { store }: World,
  { upgradeId, catalogue }: UpgradeInput,
  readLive: () => Promise<Catalogue>,
): Promise<Words> {
  if (catalogue === undefined) return [];
  const accepted = (await readKeptCatalogue(store, upgradeId, catalogue)) as Catalogue;
  const words = differences(accepted, await readLive(), { ignoreUuid: false });
  const left = words.length - limits.offendingDocumentsMax;
  const named = words.slice(0, limits.offendingDocumentsMax);
  return left > 0 ? [...named, `and ${left} more`] : named;
}

/** The documents that others have written since the master noted that all gates were shut, in words. */
async function writtenDocuments(world: World, acting: Acting): Promise<Words> {
  const heads = await world.store.heads(acting.actor);
  const shut = heads.find(({ eventKey }) => eventKey === callerKey(gatesShutKey));
  if (shut === undefined) return [];
  const over = new AbortController();
  const signal = AbortSignal.any([acting.signal, over.signal]);
  const look = world.database.findWritesSince({ ...acting, signal }, shut.at);
  const found = await inTime(look, limits.earlyWritesLookMs, world.clock).finally(() =>
    over.abort(),
  );
  if (found === null) {
    const message = `the oplog since the gates were shut is too long to be searched within ${limits.earlyWritesLookMs} ms`;
    throw new LockstepError("timeout", message);
  }
  if (found.count === 0) return [];
  return [`while all gates were shut: ${writesText(found.writes, found.count)}`];
}

/**
 * Looks for early writes: what was changed since the acceptance and before there were copies, in words. A way back keeps
 * that. Where writers outside the fleet are prevented, they may write until T, so documents tell nothing of a build.
 */
export async function lookForEarlyWrites(
  world: World,
  acting: Acting,
  upgradeId: string,
  readLive: () => Promise<Catalogue>,
): Promise<Words> {
  const { foreignWrites, log } = world;
  const looks = await Promise.all([
    orNothing(world, async () => {
      const input = await acceptedInput(world, upgradeId);
      return input ? changedDefinitions(world, input, readLive) : [];
    }),
    orNothing(world, async () =>
      foreignWrites === "prevented" ? [] : writtenDocuments(world, acting),
    ),
  ]);
  // A process that ends would tell less than its successor finds.
  acting.signal.throwIfAborted();
  const early = looks.flat();
  if (early.length > 0) {
    log.warn({ upgradeId, early }, "there are early writes: a way back keeps them");
  }
  return early;
}
