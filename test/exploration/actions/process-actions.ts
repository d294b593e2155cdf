import { agentOf, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { Agent, State } from "../state.ts";
import { tailOf, withOlderIncarnation, withOlderReadiness } from "../tails.ts";
import { oldVersion } from "../vocabulary.ts";
import { appendStarted } from "./append-participant.ts";

const lostMemory = {
  ...{ up: false, writing: false, opening: false, believed: 0, master: null },
} as const satisfies Partial<Agent>;

/** A kill: what is durable stays, the record included; the gate's door is shut with its process. */
function crash(model: Model, state: State, index: number): void {
  const crashed = spent(state, "crashes");
  if (crashed) {
    const after = withAgent(crashed, index, lostMemory);
    const label = `${nameOf(index)} is killed`;
    model.actions.push({ label, state: after, fault: true, broken: [] });
  }
  const died = spent(state, "deaths");
  if (!died) return;
  const after = withAgent(died, index, { ...lostMemory, gone: true });
  const label = `${nameOf(index)} is killed and never comes back`;
  model.actions.push({ label, state: after, fault: true, broken: [] });
}

/** Another machine with this agent's name: what its journal says stays, all of its disk is gone. */
function replace(model: Model, state: State, index: number): void {
  const replaced = spent(state, "replacements");
  if (!replaced) return;
  const version = state.versions.agentVersion;
  const empty = { copy: false, changed: false, recorded: false, unknown: true, fellBack: false };
  const disk = { ...empty, version, stepsVersion: oldVersion };
  const after = withAgent(replaced, index, { ...lostMemory, ...disk });
  const label = `${nameOf(index)} is replaced by another machine`;
  model.actions.push({ label, state: after, fault: true, broken: [] });
}

/** A new process registers and takes its own participant over: whatever was said before is older. */
function start(model: Model, state: State, index: number): void {
  const { version, participant } = agentOf(state, index);
  const started = withAgent(state, index, {
    ...{ up: true, recordVersion: version, gate: "shut", inherited: participant !== 0 },
    participant: participant === 0 ? 0 : withOlderIncarnation(participant),
  });
  const { coordinator } = started;
  const known = coordinator === 0 ? 0 : withOlderReadiness(coordinator, nameOf(index));
  const after = { ...started, coordinator: known };
  const label = `${nameOf(index)} starts ${version}`;
  if (participant !== 0 && !tailOf(participant).final) appendStarted(model, after, index, label);
  else model.actions.push({ label, state: after, fault: false, broken: [] });
}

/** The faults and restarts of one agent's process. */
export function processActions(model: Model, state: State, index: number): void {
  const { up, gone } = agentOf(state, index);
  if (up) {
    crash(model, state, index);
    replace(model, state, index);
  } else if (!gone) start(model, state, index);
}
