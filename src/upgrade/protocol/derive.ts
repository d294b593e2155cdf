import type { AgentEvent, ParticipantContext } from "../../../machines/participant-context.ts";
import {
  noProgressMs,
  type UpgradeContext,
  type UpgradeEvent,
} from "../../../machines/upgrade-context.ts";
import type { AgentRecord } from "../../control/agents.ts";
import { otherSteps } from "./other-steps.ts";

/** An actor as others read it: its latest journal entry. */
export interface ActorView<Context> {
  readonly actor: string;
  readonly revision: number;
  readonly state: string;
  readonly context: Context;
  /** Milliseconds by the store's clock. */
  readonly at: number;
}

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
    case "awaiting-peers":
      if (reason !== null) add({ type: "participantFailed", agent, reason });
      // Back on the old version, whatever brought it there: it could not go on once it is committed.
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

/** The coordinator's news from the agents' records: gates and absent agents. */
export function fromRecords(
  coordinator: ActorView<UpgradeContext>,
  records: readonly AgentRecord[],
  isSilent: (record: AgentRecord) => boolean,
): readonly Derived<UpgradeEvent>[] {
  const known = coordinator.context;
  if (coordinator.state === "waiting" && !known.gatesShut) {
    const shut = records.every((record) => record.gate === "shut" || isSilent(record));
    return shut ? [{ event: { type: "gatesShut" }, key: "gatesShut" }] : [];
  }
  if (coordinator.state !== "rolling-back" && coordinator.state !== "blocked") return [];
  return known.required.flatMap(({ agent }) => {
    const record = records.find((candidate) => candidate.agent === agent);
    const absent = record === undefined || isSilent(record);
    const settled = known.undone.includes(agent) || known.debtors.includes(agent);
    if (!absent || settled) return [];
    const event = { type: "participantAbsent" as const, agent };
    return [{ event, key: `absent:${agent}@${coordinator.revision}` }];
  });
}

/** Where the schema steps stand: each batch moves it, and each operation that has none. */
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
  const quiet = nowMs - coordinator.at < noProgressMs(coordinator.context) / 4;
  if (quiet || step + operation + batches === 0) return [];
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
  // Who comes late is asked for its part once it runs the new version: whoever it waits for does already.
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
