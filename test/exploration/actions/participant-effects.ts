import { agentOf, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { Agent, State } from "../state.ts";
import { type ModelEvent, tailOf } from "../tails.ts";
import { failure, newVersion, oldVersion } from "../vocabulary.ts";
import { appendToParticipant, placeOf } from "./append-participant.ts";

/** One pending effect of an agent's participant, as that agent's process believes it. */
interface Running {
  readonly model: Model;
  readonly state: State;
  readonly index: number;
  readonly agent: Agent;
  readonly place: number;
}

function report({ model, state, index, agent, place }: Running, event: ModelEvent): void {
  // Answers an effect of the tail it knows: in a later one that effect has no place any more.
  const answered = agent.believed === 0 ? { effect: place } : null;
  appendToParticipant(model, state, index, event, answered);
}

function failed({ model, state, index, agent, place }: Running, event: ModelEvent): void {
  const left = spent(state, "failures");
  if (!left) return;
  const answered = agent.believed === 0 ? { effect: place } : null;
  const label = `${nameOf(index)} appends ${event.type}`;
  appendToParticipant(model, left, index, event, answered, { fault: true, label });
}

function change({ model, state, index }: Running, what: string, changed: Partial<Agent>): void {
  const label = `${nameOf(index)} ${what}`;
  const after = withAgent(state, index, changed);
  model.actions.push({ label, state: after, fault: false, broken: [] });
}

/** Work that is done and work that is reported differ only where a crash comes in between. */
function act(running: Running, what: string, changed: Partial<Agent>, then: ModelEvent): void {
  const { crashes, deaths } = running.state.budget;
  if (crashes + deaths > 0) change(running, what, changed);
  else report({ ...running, state: withAgent(running.state, running.index, changed) }, then);
}

const gateShut: ModelEvent = { type: "gateShut" };
const copyMade: ModelEvent = { type: "copyMade", digest: "d" };
const localStepsDone: ModelEvent = { type: "localStepsDone" };
const readinessPassed: ModelEvent = { type: "readinessPassed" };
const undone: ModelEvent = { type: "undone" };
const versionKept: ModelEvent = { type: "versionKept" };

/** Draining, shutting and reporting are one: between them nothing opens it again. */
function shutGate(running: Running): void {
  const state = withAgent(running.state, running.index, { writing: false, gate: "shut" });
  report({ ...running, state }, gateShut);
}

/** A master restores before it goes back itself (as `untilRestored`). */
function waitsForRestore({ state, agent }: Running): boolean {
  if (!agent.master || state.coordinator === 0) return false;
  const { context, state: where } = tailOf(state.coordinator);
  return where === "rolling-back" && !context.restored;
}

function changeVersion(running: Running): void {
  const { model, state, index, agent, place } = running;
  const effect = tailOf(agent.believed || agent.participant).effects[place];
  const version = String(effect?.params["version"]);
  if (version === agent.version) {
    report(running, { type: "versionReached" });
    return;
  }
  if (waitsForRestore(running)) return;
  const left: Partial<Agent> = {
    ...{ up: false, gate: "shut", writing: false, opening: false, master: null },
    believed: 0,
  };
  change(running, `leaves for ${version}`, { ...left, version, fellBack: false });
  const failing = spent(state, "failures");
  if (!failing) return;
  const label = `${nameOf(index)} leaves for ${version}, which does not come up`;
  const fallen = withAgent(failing, index, { ...left, fellBack: true });
  model.actions.push({ label, state: fallen, fault: true, broken: [] });
}

function dumpCopy(running: Running): void {
  if (!running.agent.copy) act(running, "dumps its copy", { copy: true }, copyMade);
  else report(running, copyMade);
  failed(running, { type: "copyFailed", reason: failure });
}

function runLocalSteps(running: Running): void {
  const { version, recorded, changed, stepsVersion } = running.agent;
  if (version !== newVersion) {
    report(running, { type: "localStepFailed", reason: failure });
    return;
  }
  if (!recorded || !changed || stepsVersion !== newVersion) {
    const done = { recorded: true, changed: true, stepsVersion: newVersion };
    act(running, "runs its local step", done, localStepsDone);
    failed(running, { type: "localStepFailed", reason: failure });
  } else report(running, localStepsDone);
}

/** The application looks at the migrated data, and changes nothing. */
function checkReadiness(running: Running): void {
  report(running, readinessPassed);
  failed(running, { type: "readinessFailed", reason: failure });
}

function undoLocalSteps(running: Running): void {
  if (!running.agent.recorded) report(running, undone);
  else {
    const before = { changed: false, stepsVersion: oldVersion, recorded: false };
    act(running, "undoes its local step", before, undone);
    failed(running, { type: "undoFailed", reason: failure });
  }
}

function keepVersion(running: Running): void {
  const { agent } = running;
  const kept = tailOf(agent.participant).state === "done" ? newVersion : oldVersion;
  if (agent.stepsVersion !== kept || agent.recorded) {
    const unknown = agent.unknown && !(agent.recorded && kept === newVersion);
    const changed = { stepsVersion: kept, unknown, recorded: false, owes: false };
    act(running, "keeps its version", changed, versionKept);
    return;
  }
  if (agent.owes) change(running, "pays its debt", { owes: false });
  report(running, versionKept);
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
