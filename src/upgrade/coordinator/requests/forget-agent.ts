import type { UpgradeEvent } from "../../../../machines/upgrade-context.ts";
import { isSilent, readAgents } from "../../../control/agents.ts";
import { type Answer, answerWrite, type InboxItem } from "../../../control/inbox.ts";
import { LockstepError } from "../../../errors.ts";
import { collections, type Write } from "../../../journal/store.ts";
import { activeCoordinator } from "../active-upgrade.ts";
import type { MasterWorld } from "./master-world.ts";

/** Forgets an agent that is gone for good, in the fleet and in its upgrade. */
export async function forgetAgent(
  world: MasterWorld,
  item: InboxItem,
  agent: string,
): Promise<void> {
  const { store } = world;
  const record = (await readAgents(store)).find((candidate) => candidate.agent === agent);
  if (!record) {
    throw new LockstepError("unknown-agent", `expected an agent of this fleet, got "${agent}"`);
  }
  const nowMs = await store.now();
  if (!world.failureDetector.canJudgeSilence(nowMs)) {
    throw new LockstepError(
      "heartbeat-fresh",
      `it is not known yet whether agent "${agent}" is alive, because the database was away or its master is new: ask again in some seconds`,
    );
  }
  if (!isSilent(record, nowMs)) {
    throw new LockstepError(
      "heartbeat-fresh",
      `agent "${agent}" is alive: stop it first, only an agent that is gone for good can be forgotten`,
    );
  }
  const answer: Answer = { ok: true, upgradeId: null, message: `agent ${agent} is forgotten` };
  const writes: readonly Write[] = [
    answerWrite(item.id, answer),
    {
      collection: collections.agents,
      id: agent,
      // An agent that has come back since has another incarnation, and is not forgotten. A broken record may lack it.
      expect: record.incarnation === 0 ? {} : { incarnation: record.incarnation },
      set: { forgotten: true, gate: "shut", owes: null },
    },
  ];
  const coordinator = await activeCoordinator(store);
  if (coordinator && !coordinator.final) {
    const event: UpgradeEvent = { type: "agentForgotten", agent };
    const key = `inbox/${item.id}`;
    const result = await world.engine.send(coordinator.actor, event, { key, writes });
    if (result.kind === "applied") return;
  }
  await store.write(writes);
}
