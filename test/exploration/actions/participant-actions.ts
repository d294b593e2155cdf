import { gateWrites } from "../../../src/upgrade/participant/gate/gate.ts";
import { fromCoordinator } from "../derived.ts";
import { agentOf, applyWrites, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { State } from "../state.ts";
import { create, type ModelEvent, tailOf } from "../tails.ts";
import { newVersion, oldVersion, selfName, upgradeName } from "../vocabulary.ts";
import {
  appendStarted,
  appendToParticipant,
  placeOf,
  recoverParticipant,
} from "./append-participant.ts";
import { participantEffects } from "./participant-effects.ts";

const retry: ModelEvent = { type: "retryRequested" };

/** A participant of the model's upgrade is made: its id exists once, so a second making is none. */
function createParticipant(model: Model, state: State, index: number): void {
  const input = {
    ...{ agent: selfName, role: "state-server", upgradeId: upgradeName },
    ...{ from: oldVersion, to: newVersion },
  };
  const { to } = create("participant", input);
  const made = withAgent(state, index, { participant: to, inherited: false });
  appendStarted(model, made, index, `${nameOf(index)} creates its participant`);
}

/** As `joinOwedUndo` of the participant's loop. */
function joinOwedUndo(model: Model, state: State, index: number): void {
  const { owes, participant } = agentOf(state, index);
  if (!owes || state.coordinator === 0) return;
  if (participant === 0) createParticipant(model, state, index);
  else if (tailOf(participant).final) {
    const label = `${nameOf(index)} had paid its debt`;
    const paid = withAgent(state, index, { owes: false });
    model.actions.push({ label, state: paid, fault: false, broken: [] });
  }
}

/** As `drive` of the participant's loop: what runs here was said first, the coordinator is heard. */
function drive(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  const tail = tailOf(agent.participant);
  if (tail.state === "blocked") appendToParticipant(model, state, index, retry, null);
  if (state.coordinator === 0) return;
  for (const event of fromCoordinator(state, index)) {
    appendToParticipant(model, state, index, event, null);
  }
  if (model.mutant === "participant-turns-back-by-itself" && tail.context.reason !== null) {
    if (!tail.context.turnedBack) {
      appendToParticipant(model, state, index, { type: "turnBackAsked" }, null);
    }
  }
}

/** As `reconcileGate`: what it has read may not hold any more when it opens. */
function reconcileGate(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  const { versions } = state;
  const busy = agent.participant !== 0 && !tailOf(agent.participant).final;
  const mayOpen =
    !busy &&
    versions.upgradeId === null &&
    versions.databaseVersion === agent.version &&
    agent.stepsVersion === agent.version &&
    !agent.unknown &&
    !agent.owes;
  if (mayOpen && !agent.writing && !agent.opening) {
    openGate(model, state, index);
    const paused = spent(state, "pauses");
    if (paused) {
      const label = `${nameOf(index)} finds that its gate may open, and stands still`;
      const looked = withAgent(paused, index, { opening: true });
      model.actions.push({ label, state: looked, fault: true, broken: [] });
    }
  }
  if (!mayOpen && agent.writing) {
    const shut = withAgent(state, index, { writing: false, gate: "shut" });
    const label = `${nameOf(index)} shuts its gate`;
    model.actions.push({ label, state: shut, fault: false, broken: [] });
  }
}

/** The opening itself: the very writes of the gate. */
function openGate(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  const [versionsWrite, ...rest] = gateWrites("open", {
    ...{ agent: nameOf(index), incarnation: 1, version: agent.version },
  });
  const careless = model.mutant === "gate-reads-then-opens";
  const writes = careless || versionsWrite === undefined ? rest : [versionsWrite, ...rest];
  const opened = applyWrites(state, writes);
  if (!opened) {
    const refused = withAgent(state, index, { opening: false });
    const label = `${nameOf(index)} is refused to open its gate`;
    model.actions.push({ label, state: refused, fault: false, broken: [] });
    return;
  }
  const { databaseVersion } = state.versions;
  const wrong = databaseVersion !== agent.version || agent.owes;
  const broken = wrong ? [`S1: opened on ${agent.version}, database on ${databaseVersion}`] : [];
  const label = `${nameOf(index)} opens its gate`;
  const known = withAgent(opened, index, { opening: false, writing: true });
  model.actions.push({ label, state: known, fault: false, broken });
  const lost = spent(opened, "lostAnswers");
  if (!lost) return;
  const unknown = withAgent(lost, index, { opening: false });
  model.actions.push({
    label: `${label}, the answer is lost`,
    state: unknown,
    ...{ fault: true, broken },
  });
}

/** As `returnToFleetVersion`: one at rest on another version than the fleet's goes there. */
function returnToFleetVersion(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  const { agentVersion, upgradeId } = state.versions;
  const busy = agent.participant !== 0 && !tailOf(agent.participant).final;
  if (busy || upgradeId !== null || agent.fellBack) return;
  if (agent.version === agentVersion) return;
  if (agent.stepsVersion !== agentVersion && !agent.unknown) return;
  const home = withAgent(state, index, {
    ...{ up: false, version: agentVersion, gate: "shut", writing: false, opening: false },
    ...{ believed: 0, master: null, inherited: false },
  });
  const label = `${nameOf(index)} leaves for ${agentVersion}, which the fleet runs`;
  model.actions.push({ label, state: home, fault: false, broken: [] });
}

/** As `provision`: a host at rest that does not know its version runs the local steps of all versions. */
function provision(model: Model, state: State, index: number): void {
  const { unknown, participant, version, owes } = agentOf(state, index);
  const { upgradeId, agentVersion } = state.versions;
  const tail = participant === 0 ? null : tailOf(participant);
  const busy = tail !== null && !(tail.final && tail.effects.length === 0);
  if (!unknown || busy || owes || upgradeId !== null || version !== agentVersion) return;
  const files = { unknown: false, stepsVersion: version, changed: version === newVersion };
  const label = `${nameOf(index)} runs the local steps of all versions`;
  model.actions.push({ label, state: withAgent(state, index, files), fault: false, broken: [] });
}

/** Everything that the process of one agent may do as a participant. */
export function participantActions(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  if (!agent.up) return;
  recoverParticipant(model, state, index);
  if (agent.participant === 0) {
    if (state.versions.upgradeId !== null && state.coordinator !== 0) {
      createParticipant(model, state, index);
    }
  } else {
    if (!tailOf(agent.participant).final) drive(model, state, index);
    participantEffects(model, state, index);
  }
  joinOwedUndo(model, state, index);
  provision(model, state, index);
  reconcileGate(model, state, index);
  if (agent.opening) openGate(model, state, index);
  if (placeOf(agent.participant, "changeVersion") === undefined)
    returnToFleetVersion(model, state, index);
}
