import {
  foreignWrites,
  type UpgradeContext,
  type UpgradeEvent,
} from "../../../../machines/upgrade-context.ts";
import { type AgentRecord, readAgents } from "../../../control/agents.ts";
import {
  answerWrite,
  beginWrite,
  type FleetRequest,
  type InboxItem,
} from "../../../control/inbox.ts";
import { LockstepError } from "../../../errors.ts";
import { collections } from "../../../journal/store.ts";
import type { ActorView } from "../../protocol/derive.ts";
import { noUpgrade } from "../active-upgrade.ts";
import type { MasterWorld } from "./master-world.ts";
import { sendToCoordinator } from "./send-to-coordinator.ts";

/** @throws LockstepError `foreign-writes` where the way back would discard writes of others, and nobody has said so */
function requireDiscard(
  { blockedReason, foreignWritesAccepted }: UpgradeContext,
  { discardForeignWrites = false }: FleetRequest & { kind: "retry" },
): void {
  if (blockedReason?.code !== foreignWrites || foreignWritesAccepted || discardForeignWrites)
    return;
  throw new LockstepError(
    "foreign-writes",
    `the way back discards writes from outside the fleet, and nobody has confirmed that: use \`lockstep retry --confirm DATABASE\`, which saves their documents to a file first: ${blockedReason.message}`,
    blockedReason.details,
  );
}

/** Lets a blocked upgrade and each stuck agent try again. An agent finds the request in its record. */
export async function retry(
  world: MasterWorld,
  item: InboxItem,
  request: FleetRequest & { kind: "retry" },
  coordinator: ActorView<UpgradeContext> | undefined,
): Promise<void> {
  const agents = await readAgents(world.store);
  // Heartbeats change these records all the time, so a transaction over many of them would always be in conflict. Each
  // write joins the request's own record: a master that acts too late finds it answered, and asks nobody.
  const ask = async (asked: readonly AgentRecord[]) => {
    for (const { agent } of asked) {
      const refused = await world.store.write([
        beginWrite(item.id),
        { collection: collections.agents, id: agent, expect: {}, set: { retry: item.id } },
      ]);
      if (refused !== null) {
        throw new LockstepError(
          "conflict",
          "it is answered meanwhile: the request is judged again",
        );
      }
    }
  };
  if (coordinator?.state === "blocked") {
    requireDiscard(coordinator.context, request);
    // All agents, since one that has only just got stuck may not have said so yet.
    await ask(agents);
    const event: UpgradeEvent = { type: "retryRequested" };
    return sendToCoordinator(world, item, coordinator, event, "the roll-back goes on");
  }
  const stuck = agents.filter(
    ({ blocked, notServing }) => (blocked ?? notServing ?? null) !== null,
  );
  if (stuck.length > 0 || item.begun) {
    await ask(stuck);
    const names = stuck.map(({ agent }) => agent).join(", ");
    const message = names === "" ? "each stuck agent has tried again" : `tries again: ${names}`;
    await world.store.write([answerWrite(item.id, { ok: true, upgradeId: null, message })]);
    return;
  }
  if (!coordinator) throw noUpgrade("retry");
  throw new LockstepError(
    "wrong-state",
    `expected a blocked upgrade, it is ${coordinator.state}: nothing to retry`,
  );
}
