import type { ParticipantContext } from "../../../machines/participant-context.ts";
import { isSilent } from "../../control/agents.ts";
import { participantId } from "../../control/ids.ts";
import type { Engine } from "../../fleet-engine/engine.ts";
import { fenceOf } from "../../journal/fence.ts";
import type { Store } from "../../journal/store.ts";
import { unreadable, viewOf } from "../fleet-journal.ts";
import { type ActorView, fromParticipant, fromProgress, fromRecords } from "../protocol/derive.ts";
import { type ActiveUpgrade, isAbsent } from "./active-upgrade.ts";

/**
 * True for an agent that has left for the new version, with its gate shut. A build may take long to come up, so the
 * deadline of `waiting` bounds it, and not its silence.
 */
function isOnItsWay({ state, context }: ActorView<ParticipantContext>): boolean {
  return state === "waiting" && context.leaving;
}

/** Reads the participants, the agents' records and the fence, and sends the coordinator the events that follow. */
export async function driveCoordinator(
  { store, engine }: { readonly store: Store; readonly engine: Engine },
  activeUpgrade: ActiveUpgrade,
): Promise<void> {
  const { coordinator, agents, nowMs } = activeUpgrade;
  if (coordinator.final) return;
  const progress = (await fenceOf(store))?.progress;
  const mine = progress?.upgradeId === coordinator.context.upgradeId ? progress : undefined;
  const participants = await Promise.all(
    coordinator.context.required.map(({ agent }) =>
      store.tail(participantId(agent, coordinator.context.upgradeId)),
    ),
  );
  // An entry that this build cannot read says nothing yet: the deadline decides.
  const views = participants.flatMap((tail) =>
    tail && !unreadable(tail) ? [viewOf<ParticipantContext>(tail)] : [],
  );
  const derived = [
    ...fromRecords(coordinator, agents, (record) => {
      const isChanging = views.some(
        (view) => isOnItsWay(view) && view.context.agent === record.agent,
      );
      const isLate = isChanging && coordinator.state === "waiting";
      if (isAbsent(activeUpgrade, record)) return isLate ? "unknown" : "absent";
      return isSilent(record, nowMs) ? "unknown" : "heard";
    }),
    ...views.flatMap((view) => {
      const record = agents.find(({ agent }) => agent === view.context.agent);
      return fromParticipant(coordinator, view, record);
    }),
    ...(mine ? fromProgress(coordinator, mine, nowMs) : []),
  ];
  for (const { event, key } of derived) await engine.send(coordinator.actor, event, { key });
}
