import type { AgentEvent, ParticipantContext } from "../../../machines/participant-context.ts";
import {
  deadlineMs,
  forwardStates,
  type UpgradeContext,
  type UpgradeEvent,
} from "../../../machines/upgrade-context.ts";
import type { AgentRecord } from "../../control/agents.ts";
import type { ActorView } from "../../fleet-engine/read/read.ts";

import { otherSteps } from "./other-steps.ts";

export type { ActorView } from "../../fleet-engine/read/read.ts";

/** An event with the key that makes it count once. */
export interface Derived<Event> {
  readonly event: Event;
  readonly key: string;
}

const keyOf = (view: ActorView<unknown>, what: string): string =>
  `${view.actor}@${view.revision}:${what}`;

/** The coordinator's news from one participant's latest entry, without what it knows already. */
export function fromParticipant(
  coordinator: ActorView<UpgradeContext>,
  participant: ActorView<ParticipantContext>,
  record: AgentRecord | undefined,
): readonly Derived<UpgradeEvent>[] {
  const known = coordinator.context;
  const { agent } = participant.context;
  if (!known.required.some((required) => required.agent === agent)) return [];
  const derived: Derived<UpgradeEvent>[] = [];
  const add = (event: UpgradeEvent) => {
    derived.push({ event, key: keyOf(participant, event.type) });
  };
  const { copy, plan, incarnation, gateShut, running } = participant.context;
  const isOther = coordinator.state !== "waiting" && running === known.to && plan !== null;
  const reason = participant.context.reason ?? (isOther ? otherSteps(known, agent, plan) : null);
  switch (coordinator.state) {
    case "waiting": {
      const current = record?.incarnation === incarnation && record.gate === "shut";
      if (reason !== null) add({ type: "participantFailed", agent, reason });
      else if (
        participant.state === "waiting" &&
        current &&
        gateShut &&
        plan !== null &&
        running === known.to &&
        known.ready[agent]?.incarnation !== incarnation
      ) {
        add({ type: "participantReady", agent, incarnation, ...plan });
      }
      break;
    }
    case "backing-up":
      if (reason !== null) add({ type: "participantFailed", agent, reason });
      // A copy of an earlier time T says nothing of this one.
      if (
        copy !== null &&
        known.backup !== null &&
        known.copies[agent] === undefined &&
        known.backup.time === participant.context.backup?.time
      ) {
        add({ type: "copyReported", agent, time: known.backup.time, ...copy });
      }
      break;
    case "rehearsing":
    case "migrating":
    case "paused":
    case "awaiting-peers":
      if (reason !== null) add({ type: "participantFailed", agent, reason });
      // An agent that fell back to the old version has no vote: it could not go on after a commit.
      else if (
        participant.state === "awaiting-peers" &&
        running === known.to &&
        !known.voted.includes(agent)
      ) {
        add({ type: "participantVoted", agent });
      }
      break;
    case "rolling-back":
    case "blocked":
      if (participant.state === "rolled-back" && !known.undone.includes(agent)) {
        add({ type: "participantUndone", agent });
      }
      break;
    default:
      break;
  }
  return derived;
}

/** A master's judgement of another agent. It is unknown while the master has not listened long enough. */
export type Liveness = "heard" | "absent" | "unknown";

/** The required agents that have become silent, or are heard again, while the fleet goes forward. */
function silences(
  { actor, revision, state, context: known }: ActorView<UpgradeContext>,
  records: readonly AgentRecord[],
  livenessOf: (record: AgentRecord) => Liveness,
): readonly Derived<UpgradeEvent>[] {
  // An agent that has voted has done its part.
  const awaited = known.required.filter(
    ({ agent }) => state !== "awaiting-peers" || !known.voted.includes(agent),
  );
  return awaited.flatMap(({ agent }): readonly Derived<UpgradeEvent>[] => {
    const record = records.find((candidate) => candidate.agent === agent);
    const liveness = record === undefined ? "absent" : livenessOf(record);
    const key = `${actor}@${revision}:${liveness}:${agent}`;
    const wasSilent = known.silent.includes(agent);
    if (!wasSilent && liveness === "absent")
      return [{ event: { type: "participantSilent", agent }, key }];
    if (wasSilent && liveness === "heard")
      return [{ event: { type: "participantHeard", agent }, key }];
    return [];
  });
}

/** The key of the event that all gates are shut. It comes once in an upgrade. */
export const gatesShutKey = "gatesShut";

/** The coordinator's news from the agents' records: gates, and agents that are silent or absent. */
export function fromRecords(
  coordinator: ActorView<UpgradeContext>,
  records: readonly AgentRecord[],
  livenessOf: (record: AgentRecord) => Liveness,
): readonly Derived<UpgradeEvent>[] {
  const known = coordinator.context;
  if (forwardStates.includes(coordinator.state)) {
    const shut = records.every(
      (record) => record.gate === "shut" || livenessOf(record) === "absent",
    );
    const isNews = coordinator.state === "waiting" && !known.gatesShut && shut;
    return [
      ...(isNews ? [{ event: { type: "gatesShut" as const }, key: gatesShutKey }] : []),
      ...silences(coordinator, records, livenessOf),
    ];
  }
  if (coordinator.state !== "rolling-back" && coordinator.state !== "blocked") return [];
  return known.required.flatMap(({ agent }) => {
    const record = records.find((candidate) => candidate.agent === agent);
    const absent = record === undefined || livenessOf(record) === "absent";
    const settled = known.undone.includes(agent) || known.debtors.includes(agent);
    if (!absent || settled) return [];
    const event = { type: "participantAbsent" as const, agent };
    return [{ event, key: `absent:${agent}@${coordinator.revision}` }];
  });
}

/** The position of the schema steps. Each batch moves it, and so does each operation without batches. */
export interface Place {
  readonly step: number;
  readonly operation: number;
  readonly batches: number;
}

/** Re-arms the no-progress deadline, at most a few times within it. */
export function fromProgress(
  coordinator: ActorView<UpgradeContext>,
  { step, operation, batches }: Place,
  nowMs: number,
): readonly Derived<UpgradeEvent>[] {
  if (coordinator.state !== "migrating") return [];
  const isRecent = nowMs - coordinator.at < deadlineMs(coordinator.context, "noProgressMs") / 4;
  if (isRecent || step + operation + batches === 0) return [];
  const key = `progress:${step}/${operation}/${batches}`;
  return [{ event: { type: "progressSeen", sequence: batches }, key }];
}

/** A participant's news from its coordinator's latest entry, without what it has acted on already. */
export function fromCoordinator(
  participant: ActorView<ParticipantContext>,
  coordinator: ActorView<UpgradeContext>,
): readonly Derived<AgentEvent>[] {
  const mine = participant.context;
  const asked = (event: AgentEvent): readonly Derived<AgentEvent>[] => [
    { event, key: keyOf(coordinator, event.type) },
  ];
  const holdsCopy = mine.role === "state-server";
  // A late agent is asked for its part once it runs the new version. The agents that it waits for run it already.
  const isWaiting = participant.state === "waiting" && mine.running === mine.to && !mine.leaving;
  switch (coordinator.state) {
    case "waiting":
      return [];
    case "backing-up": {
      const { backup } = coordinator.context;
      if (backup === null || !holdsCopy || mine.backup?.time === backup.time) return [];
      return isWaiting || participant.state === "backing-up"
        ? asked({ type: "copyAsked", backup })
        : [];
    }
    case "rehearsing":
    case "migrating":
    case "paused":
      return [];
    case "awaiting-peers":
      return isWaiting || participant.state === "backing-up"
        ? asked({ type: "localStepsAsked" })
        : [];
    case "done":
      return mine.late ? [] : asked({ type: "committed" });
    case "rolling-back":
    case "blocked":
    case "rolled-back":
      return mine.turnedBack ? [] : asked({ type: "turnBackAsked" });
    default:
      return [];
  }
}
