import { registeredControls } from "../../control/fleet-registry.ts";
import { readVersions } from "../../control/versions.ts";
import { readHistoryRecord } from "../../database/history/history.ts";
import { fleetOfHolder, isHolderOf } from "../../database/isolation/member-hold.ts";
import { readDeletions } from "../../database/isolation/ttl-hold.ts";
import { isSetBlocked, readBlockHolders } from "../../database/isolation/write-block.ts";
import { documentIds } from "../../journal/store.ts";
import { controlOf, readHeld } from "../../leadership/fences.ts";
import type { OpenFleet } from "../open-fleet.ts";
import type { Examination, Finding } from "./finding.ts";
import {
  judgeDeletions,
  judgeHistoryHold,
  judgeWriteBlock,
  type OtherHolders,
} from "./judge-holds.ts";
import { parts } from "./mends.ts";

/**
 * Examines what an upgrade holds back until its end. It reads the record first, as an upgrade that ends meanwhile lifts
 * its holds.
 */
export function holdExaminations(fleet: OpenFleet): readonly Examination[] {
  const { client, store, controlDatabaseName } = fleet;
  const control = controlOf(fleet);
  const othersIn = async (holders: readonly string[]): Promise<OtherHolders> => {
    const others = holders.filter((holder) => !isHolderOf(controlDatabaseName, holder));
    const registered = await registeredControls(client, others.map(fleetOfHolder));
    const isThere = (holder: string) => registered.includes(fleetOfHolder(holder).toLowerCase());
    return { others: others.filter(isThere), gone: others.filter((each) => !isThere(each)) };
  };
  const examination = <Held>(
    name: string,
    read: () => Promise<Held>,
    judge: (held: Held, upgradeId: string | null) => Finding,
  ): Examination => ({
    name,
    async run() {
      const held = await read();
      return [judge(held, (await readVersions(store))?.upgradeId ?? null)];
    },
  });
  return [
    examination(
      parts.writeBlock,
      async () => ({
        holder: (await readHeld(control, documentIds.writeBlock))?.holder ?? null,
        ...(await othersIn(await readBlockHolders(client))),
        // A user that may not ask sees the record alone.
        isBlocked: await isSetBlocked(client).catch(() => null),
      }),
      judgeWriteBlock,
    ),
    examination(
      parts.deletions,
      async () => {
        const held = await readDeletions(client);
        return { ...held, ...(await othersIn(held.holders)) };
      },
      judgeDeletions,
    ),
    examination(
      parts.historyHold,
      async () => {
        const record = await readHistoryRecord(client);
        const names = record.holders.map(({ holder }) => holder);
        return { ...record, ...(await othersIn(names)) };
      },
      (held, upgradeId) => judgeHistoryHold(held, upgradeId, controlDatabaseName),
    ),
  ];
}
