import { agentOf, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { Agent, State } from "../state.ts";
import { type ModelEvent, tailOf } from "../tails.ts";
import { failure, newVersion, oldVersion } from "../vocabulary.ts";
import { appendToParticipant, type PendingEffect, placeOf } from "./append-participant.ts";

/** A pending effect of an agent's participant. */
interface ParticipantEffect extends PendingEffect {
  readonly agent: Agent;
}

function report({ model, state, index, agent, place }: ParticipantEffect, event: ModelEvent): void {
  // Answers an effect of the tail it knows: in a later one that effect has no place any more.
  const answered = agent.believed === 0 ? { effect: place } : null;
  appendToParticipant(model, state, index, event, answered);
}

function failed({ model, state, index, agent, place }: ParticipantEffect, event: ModelEvent): void {
  const left = spent(state, "failures");
  if (!left) return;
  const answered = agent.believed === 0 ? { effect: place } : null;
  const label = `${nameOf(index)} appends ${event.type}`;
  appendToParticipant(model, left, index, event, answered, { fault: true, label });
}

function change(
  { model, state, index }: ParticipantEffect,
  what: string,
  changed: Partial<Agent>,
): void {
  const label = `${nameOf(index)} ${what}`;
  const after = withAgent(state, index, changed);
  model.actions.push({ label, state: after, fault: false, broken: [] });
}

/** Work that is done and work that is reported differ only where a crash comes in between. */
function act(
  effect: ParticipantEffect,
  what: string,
  changed: Partial<Agent>,
  then: ModelEvent,
): void {
  const { crashes, deaths } = effect.state.budget;
  if (crashes + deaths > 0) change(effect, what, changed);
  else report({ ...effect, state: withAgent(effect.state, effect.index, changed) }, then);
}

const gateShut: ModelEvent = { type: "gateShut" };
const copyMade: ModelEvent = { type: "copyMade", digest: "d" };
const localStepsDone: ModelEvent = { type: "localStepsDone" };
const readinessPassed: ModelEvent = { type: "readinessPassed" };
const undone: ModelEvent = { type: "undone" };
const versionKept: ModelEvent = { type: "versionKept" };

/** Draining, shutting and reporting are one: between them nothing opens it again. */
function shutGate(effect: ParticipantEffect): void {
  const state = withAgent(effect.state, effect.index, { writing: false, gate: "shut" });
  report({ ...effect, state }, gateShut);
}

/** A master restores before it goes back itself (as `untilRestored`). */
function waitsForRestore({ state, agent }: ParticipantEffect): boolean {
  if (!agent.master || state.coordinator === 0) return false;
  const { context, state: where } = tailOf(state.coordinator);
  return where === "rolling-back" && !context.restored;
}

function changeVersion(effect: ParticipantEffect): void {
  const { model, state, index, agent, place } = effect;
  const pending = tailOf(agent.believed || agent.participant).effects[place];
  const version = String(pending?.params["version"]);
  if (version === agent.version) {
    report(effect, { type: "versionReached" });
    return;
  }
  if (waitsForRestore(effect)) return;
  const left: Partial<Agent> = {
    ...{ up: false, gate: "shut", writing: false, opening: false, master: null },
    believed: 0,
  };
  change(effect, `leaves for ${version}`, { ...left, version, fellBack: false });
  const failing = spent(state, "failures");
  if (!failing) return;
  const label = `${nameOf(index)} leaves for ${version}, which does not come up`;
  const fallen = withAgent(failing, index, { ...left, fellBack: true });
  model.actions.push({ label, state: fallen, fault: true, broken: [] });
}

function dumpCopy(effect: ParticipantEffect): void {
  if (!effect.agent.copy) act(effect, "dumps its copy", { copy: true }, copyMade);
  else report(effect, copyMade);
  failed(effect, { type: "copyFailed", reason: failure });
}

function runLocalSteps(effect: ParticipantEffect): void {
  const { version, recorded, changed, stepsVersion } = effect.agent;
  if (version !== newVersion) {
    report(effect, { type: "localStepFailed", reason: failure });
    return;
  }
  if (!recorded || !changed || stepsVersion !== newVersion) {
    const done = { recorded: true, changed: true, stepsVersion: newVersion };
    act(effect, "runs its local step", done, localStepsDone);
    failed(effect, { type: "localStepFailed", reason: failure });
  } else report(effect, localStepsDone);
}

/** The application looks at the migrated data, and changes nothing. */
function checkReadiness(effect: ParticipantEffect): void {
  report(effect, readinessPassed);
  failed(effect, { type: "readinessFailed", reason: failure });
}

function undoLocalSteps(effect: ParticipantEffect): void {
  if (!effect.agent.recorded) report(effect, undone);
  else {
    const before = { changed: false, stepsVersion: oldVersion, recorded: false };
    act(effect, "undoes its local step", before, undone);
    failed(effect, { type: "undoFailed", reason: failure });
  }
}

function keepVersion(effect: ParticipantEffect): void {
  const { agent } = effect;
  const kept = tailOf(agent.participant).state === "done" ? newVersion : oldVersion;
  if (agent.stepsVersion !== kept || agent.recorded) {
    const unknown = agent.unknown && !(agent.recorded && kept === newVersion);
    const changed = { stepsVersion: kept, unknown, recorded: false, owes: false };
    act(effect, "keeps its version", changed, versionKept);
    return;
  }
  if (agent.owes) change(effect, "pays its debt", { owes: false });
  report(effect, versionKept);
}

const effects = {
  ...{ shutGate, changeVersion, dumpCopy, runLocalSteps, checkReadiness, undoLocalSteps },
  keepVersion,
} as const;

/** The actions of an agent's process for its participant, as far as it knows it. */
export function participantEffects(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  const known = agent.believed || agent.participant;
  for (const [name, run] of Object.entries(effects)) {
    const place = placeOf(known, name);
    if (place !== undefined) run({ model, state, index, agent, place });
  }
}
