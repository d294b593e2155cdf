import { silenceTimer, type UpgradeInput } from "../../../machines/upgrade-context.ts";
import { isLockstepError } from "../../../src/errors.ts";
import { decideAcceptance } from "../../../src/upgrade/protocol/accept.ts";
import { decidePause, decideResume } from "../../../src/upgrade/protocol/pausing.ts";
import { fromParticipant, fromRecords, mayBeMaster } from "../derived.ts";
import {
  agentOf,
  type Model,
  nameOf,
  recordsOf,
  silentNowMs,
  spent,
  viewOf,
  withAgent,
} from "../model.ts";
import type { State } from "../state.ts";
import { create, eventId, eventOf, type ModelEvent, tailOf } from "../tails.ts";
import { agentNames, newVersion } from "../vocabulary.ts";
import {
  appended,
  appendToCoordinator,
  deposed,
  isRefused,
  recoverMaster,
  withMaster,
} from "./append-coordinator.ts";
import { coordinatorEffects } from "./coordinator-effects.ts";

const deadlines = {
  ...{ waitingMs: 1, backingUpMs: 1, noProgressMs: 1, pausedMs: 1, peersMs: 1, silentMs: 1 },
  rollingBackMs: 1,
} as const;

const acceptance: ModelEvent = { type: "accept" };
const abort: ModelEvent = { type: "abortRequested", why: "" };
const pause: ModelEvent = { type: "pauseRequested", why: "" };
const resume: ModelEvent = { type: "resumeRequested" };
const retry: ModelEvent = { type: "retryRequested" };
const deadlinePassed: ModelEvent = { type: "deadlinePassed" };

function pendingOf({ coordinator }: State): boolean {
  if (coordinator === 0) return false;
  const { final, effects } = tailOf(coordinator);
  return !final || effects.length > 0;
}

/** The lease, then the fence: from here on every older epoch is refused. */
function acquire(model: Model, state: State, index: number): void {
  if (!mayBeMaster(state, index)) return;
  const holder = state.agents.findIndex(({ master }) => master?.behind === 0);
  const from = holder < 0 ? state : spent(state, "failovers");
  if (!from) return;
  const agents = from.agents.map((agent) =>
    agent.master
      ? { ...agent, master: { ...agent.master, behind: agent.master.behind + 1 } }
      : agent,
  );
  // Its takeover entry is one with the fence that it raises: before it, it does nothing else.
  const behind = pendingOf(from) && model.mutant !== "no-fence" ? 0 : from.coordinatorBehind + 1;
  const raised = { ...from, agents, coordinatorBehind: behind };
  const master = { behind: 0, believed: 0, hand: 0, working: null };
  model.actions.push({
    label: `${nameOf(index)} takes the lease and raises the fence`,
    state: withAgent(raised, index, { master }),
    ...{ fault: holder >= 0, broken: [] },
  });
}

/** A new master's first entry in the coordinator's journal. */
function takeOver(model: Model, state: State, index: number): void {
  const label = `${nameOf(index)} takes the upgrade over`;
  const taken = { ...state, coordinatorBehind: 0 };
  model.actions.push({ label, state: taken, fault: false, broken: [] });
}

function readRequest(model: Model, state: State, index: number): void {
  if (state.versions.upgradeId !== null || state.coordinator !== 0) return;
  if (!mayBeAccepted(state)) return;
  accept(model, state, index);
  take(model, state, index, acceptance, false);
}

const acceptable = new Map<string, boolean>();

/** Whether the product would accept the upgrade now: remembered. */
function mayBeAccepted(state: State): boolean {
  const seen = state.agents.map(({ up, recordVersion, owes }) => `${up}${recordVersion}${owes}`);
  const key = seen.join();
  const may = acceptable.get(key) ?? inputOf(state) !== undefined;
  acceptable.set(key, may);
  return may;
}

function inputOf(state: State): UpgradeInput | undefined {
  try {
    return decideAcceptance({
      ...{
        versions: state.versions,
        agents: recordsOf(state, (index) => !agentOf(state, index).up),
      },
      ...{ wanted: { to: newVersion, restoreOf: null }, deadlines, nowMs: silentNowMs },
      ...{ between: [], openParts: [] },
    });
  } catch (error) {
    if (isLockstepError(error)) return undefined;
    throw error;
  }
}

const input: UpgradeInput = {
  ...{ upgradeId: "u000002", from: "1.0.0", to: newVersion, deadlines, restoreOf: null },
  ...{ required: agentNames.map((agent) => ({ agent, role: "state-server" })), acceptedAt: 0 },
};

function accept(model: Model, state: State, index: number): void {
  if (isRefused(model, state, index)) {
    deposed(model, state, index, "its acceptance");
    return;
  }
  if (state.coordinator !== 0) {
    const given = withMaster(state, index, { hand: 0 });
    const label = `${nameOf(index)} finds the upgrade accepted`;
    model.actions.push({ label, state: given, fault: false, broken: [] });
    return;
  }
  const { to, writes, broken } = create("upgrade", input);
  const label = `${nameOf(index)} accepts the upgrade`;
  appended(
    model,
    { ...state, coordinatorBehind: agentOf(state, index).master?.behind ?? 0 },
    index,
    {
      ...{ label, to, writes, broken, fault: false },
    },
  );
}

/** Between what a master has read and what it writes of it others may act: it stands still there. */
function take(
  model: Model,
  state: State,
  index: number,
  event: ModelEvent,
  alsoAtOnce: boolean,
): void {
  if (alsoAtOnce) appendToCoordinator(model, state, index, event, null);
  const paused = spent(state, "pauses");
  if (!paused) return;
  const label = `${nameOf(index)} learns ${describeEvent(event)}, and stands still`;
  const hand = withMaster(paused, index, { hand: eventId(event) });
  model.actions.push({ label, state: hand, fault: true, broken: [] });
}

/** The master's news from the other agents. */
function readOthers(model: Model, state: State, index: number): void {
  if (state.coordinator === 0 || tailOf(state.coordinator).final) return;
  state.agents.forEach(({ participant }, other) => {
    if (participant === 0) return;
    for (const event of fromParticipant(state, other)) take(model, state, index, event, true);
  });
  const isGone = (other: number) => agentOf(state, other).gone;
  const present = fromRecords(state, (other) => (isGone(other) ? "unknown" : "heard"));
  const absent = fromRecords(state, (other) => (isGone(other) ? "absent" : "heard"));
  for (const event of present.length > 0 ? present : absent) {
    take(model, state, index, event, true);
  }
  const paused = spent(state, "pauses");
  if (!paused) return;
  // An agent that stands still or starts anew for too long is taken for silent, too.
  state.agents.forEach(({ gone }, other) => {
    if (gone) return;
    const livenessOf = (one: number) =>
      one === other ? "absent" : isGone(one) ? "unknown" : "heard";
    for (const event of fromRecords(state, livenessOf)) {
      appendToCoordinator(model, paused, index, event, null, { fault: true });
    }
  });
}

function describeEvent(event: ModelEvent): string {
  return `${event.type}${"agent" in event ? ` of ${String(event["agent"])}` : ""}`;
}

function sendHand(model: Model, state: State, index: number, hand: number): void {
  const event = eventOf(hand);
  if (event.type === "accept") {
    accept(model, state, index);
    return;
  }
  if (state.coordinator !== 0) appendToCoordinator(model, state, index, event, null);
}

/** Whether the product takes a request to pause, or to resume, and the coordinator has to hear of it: remembered. */
const granted = new Map<number, { readonly pause: boolean; readonly resume: boolean }>();

function isGranted(decide: () => { readonly event: unknown }): boolean {
  try {
    return decide().event !== null;
  } catch (error) {
    if (isLockstepError(error)) return false;
    throw error;
  }
}

/** An operator pauses the upgrade. Sooner or later it is resumed. */
function operatePause(model: Model, state: State, index: number): void {
  const { coordinator } = state;
  const view = viewOf(coordinator, "coordinator", "");
  const may = granted.get(coordinator) ?? {
    pause: isGranted(() => decidePause(view, "")),
    resume: isGranted(() => decideResume(view)),
  };
  granted.set(coordinator, may);
  const paused = may.pause ? spent(state, "holds") : undefined;
  if (paused) appendToCoordinator(model, paused, index, pause, null, { fault: true });
  if (may.resume) appendToCoordinator(model, state, index, resume, null);
}

/** Events that an operator or the clock may add at any time. */
function interrupt(model: Model, state: State, index: number): void {
  if (state.coordinator === 0) return;
  const { timers, state: where, final } = tailOf(state.coordinator);
  if (final) return;
  const aborted = spent(state, "aborts");
  if (aborted && where !== "blocked" && where !== "rolling-back") {
    appendToCoordinator(model, aborted, index, abort, null, { fault: true });
  }
  operatePause(model, state, index);
  // A deadline is no fault where it is what ends a wait for somebody who cannot come.
  const waits = state.agents.some(
    ({ gone, participant }) =>
      gone || (participant !== 0 && tailOf(participant).state === "blocked"),
  );
  // An operator has mended the cause.
  if (where === "blocked") appendToCoordinator(model, state, index, retry, null);
  if (model.mutant === "no-deadline") return;
  for (const timer of timers) {
    const silent = agentNames.find((name) => timer === silenceTimer(name));
    const isDue = silent === undefined ? waits : agentOf(state, agentNames.indexOf(silent)).gone;
    const late = isDue ? state : spent(state, "timeouts");
    const event = silent === undefined ? deadlinePassed : { type: "silentTooLong", agent: silent };
    if (late) appendToCoordinator(model, late, index, event, { timer }, { fault: !isDue });
  }
}

/** Everything that the process of one agent may do as a master, or to become one. */
export function masterActions(model: Model, state: State, index: number): void {
  const { up, master } = agentOf(state, index);
  if (!up) return;
  if (master === null) {
    acquire(model, state, index);
    return;
  }
  const ended = withAgent(state, index, { master: null });
  const label = `${nameOf(index)} ends its mastership`;
  if (master.behind > 0 || !mayBeMaster(state, index)) {
    model.actions.push({ label, state: ended, fault: false, broken: [] });
  }
  if (master.behind === 0 && pendingOf(state) && state.coordinatorBehind > 0) {
    takeOver(model, state, index);
    return;
  }
  recoverMaster(model, state, index);
  if (master.hand !== 0) sendHand(model, state, index, master.hand);
  else {
    readRequest(model, state, index);
    readOthers(model, state, index);
  }
  interrupt(model, state, index);
  coordinatorEffects(model, state, index, master);
}
