import type { UpgradeContext, UpgradeEvent } from "../../../../machines/upgrade-context.ts";
import { answerWrite, type InboxItem } from "../../../control/inbox.ts";
import { LockstepError } from "../../../errors.ts";
import type { ActorView } from "../../protocol/derive.ts";
import type { MasterWorld } from "./master-world.ts";

/**
 * Answers a request by an event of the active upgrade, which joins the answer.
 * @param event makes the answer true; null where it is true already
 */
export async function sendToCoordinator(
  world: MasterWorld,
  item: InboxItem,
  coordinator: ActorView<UpgradeContext>,
  event: UpgradeEvent | null,
  message: string,
): Promise<void> {
  const { upgradeId } = coordinator.context;
  const writes = [answerWrite(item.id, { ok: true, upgradeId, message })];
  if (event === null) {
    await world.store.write(writes);
    return;
  }
  const key = `inbox/${item.id}`;
  const result = await world.engine.send(coordinator.actor, event, { key, writes });
  if (result.kind === "applied") return;
  if (result.kind === "duplicate") {
    await world.store.write(writes);
    return;
  }
  const { state, status } = result.entry;
  if (status !== "active") {
    throw new LockstepError(
      "wrong-state",
      `expected an active upgrade, ${upgradeId} has come to its end meanwhile: ${state}`,
      { upgradeId, state },
    );
  }
  throw new LockstepError("conflict", `${upgradeId} is ${state} by now: this is judged again`);
}
