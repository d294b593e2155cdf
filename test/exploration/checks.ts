import { copyHoldersOf } from "../../machines/upgrade-context.ts";
import { protocol } from "../../machines/vocabulary.ts";
import { coordinatorId, participantId } from "../../src/control/ids.ts";
import type { Entry } from "../../src/journal/store.ts";
import { fleetInvariants } from "../../src/operator/invariants.ts";
import { endBreaks } from "./actions/coordinator-effects.ts";
import { nameOf, recordsOf } from "./model.ts";
import type { Agent, State } from "./state.ts";
import { tailOf } from "./tails.ts";
import { upgradeName } from "./vocabulary.ts";

const forward = ["backing-up", "rehearsing", "migrating", "paused", "awaiting-peers"];
const back = ["rolling-back", "blocked", "rolled-back"];

function entryOf(id: number, actor: string, owner: Entry["owner"]): Entry {
  const { machine, state, snapshot, final } = tailOf(id);
  return {
    ...{ actor, revision: 0, machine, owner, event: { type: "seen" }, outcome: "applied" },
    ...{ snapshot, state, status: final ? "done" : "active", timers: [], effects: [] },
    ...{ epoch: 1, protocol, at: 0 },
  };
}

const remembered = new Map<string, readonly string[]>();

/** The product's own invariants of a whole fleet, over the ends of all journals. */
function fleetBreaks(state: State): readonly string[] {
  const { versions, coordinator, agents } = state;
  const seen = agents.map(({ gate, recordVersion, participant }) => {
    return `${gate}${gate === "open" ? recordVersion : ""}${participant !== 0}`;
  });
  const key = `${Object.values(versions).join()}/${coordinator}/${seen.join()}`;
  const known = remembered.get(key);
  if (known) return known;
  const journals: Record<string, readonly Entry[]> = {};
  if (coordinator !== 0) {
    const actor = coordinatorId(upgradeName);
    journals[actor] = [entryOf(coordinator, actor, { kind: "role", role: "master" })];
  }
  agents.forEach(({ participant }, index) => {
    if (participant === 0) return;
    const actor = participantId(nameOf(index), upgradeName);
    journals[actor] = [entryOf(participant, actor, { kind: "pinned", agent: nameOf(index) })];
  });
  const records = recordsOf(state, () => false);
  const broken = fleetInvariants({ versions, agents: records, journals, fenceEpoch: 1 });
  remembered.set(key, broken);
  return broken;
}

/** The checks that fleet facts do not allow: of processes, hosts and the data. */
function modelBreaks(state: State): readonly string[] {
  const where = state.coordinator === 0 ? "none" : tailOf(state.coordinator).state;
  const broken: string[] = [];
  state.agents.forEach((agent, index) => {
    const name = nameOf(index);
    if (agent.writing && agent.gate === "shut") broken.push(`S1: ${name} writes, its gate is shut`);
    if (agent.writing && forward.includes(where)) broken.push(`S2: ${name} writes in ${where}`);
    if (agent.participant === 0) return;
    const tail = tailOf(agent.participant);
    if (tail.context.turnedBack && !back.includes(where)) {
      broken.push(`S12: ${name} went back by itself, the upgrade is ${where}`);
    }
    if (tail.state === "done" && where !== "done") {
      broken.push(`S12: ${name} is done, the upgrade is ${where}`);
    }
    if (tail.final && tail.effects.length === 0 && agent.recorded) {
      broken.push(`S9: ${name} is ${tail.state} and still has an undo to do`);
    }
    if (agent.unknown && !agent.recorded && agent.writing) {
      broken.push(`L3: ${name} writes, and does not know which version its files match`);
    }
    if (tail.final && !agent.unknown && agent.changed !== (tail.state === "done")) {
      broken.push(`S9: ${name} is ${tail.state}, its local step's change is wrong`);
    }
  });
  if (state.applied.some((times) => times > 1)) broken.push("S7: a batch is in the data twice");
  const copies = state.agents.filter((agent, index) => holdsOrLost(state, agent, nameOf(index)));
  if (
    ["migrating", "paused"].includes(where) &&
    state.applied.some((times) => times > 0) &&
    copies.length < 2
  ) {
    broken.push("S6: the live data changed before two hosts held a copy");
  }
  return broken;
}

/** A machine that took its place has none of its files, and its report of a copy was true when the master counted it. */
function holdsOrLost({ coordinator }: State, { copy, unknown }: Agent, name: string): boolean {
  if (copy || !unknown || coordinator === 0) return copy;
  return copyHoldersOf(tailOf(coordinator).context.copies).includes(name);
}

/** Everything that is broken in a state; empty when all holds. */
export function breaksOf(state: State): readonly string[] {
  return [...fleetBreaks(state), ...modelBreaks(state), ...endBreaks(state)];
}

/** At rest: every live gate is open, or says why it is not. */
function isAtRest(state: State): boolean {
  return state.agents.every((agent) => {
    if (!agent.up) return agent.gone;
    if (agent.writing) return true;
    return agent.participant !== 0 && tailOf(agent.participant).state === "blocked";
  });
}

/** Nothing has to happen any more, or an operator has to come. */
export function isEnd(state: State): boolean {
  // Where somebody is gone for good no upgrade is accepted.
  if (state.coordinator === 0) return state.agents.some(({ gone }) => gone) && isAtRest(state);
  const tail = tailOf(state.coordinator);
  if (tail.state === "blocked") return tail.context.blockedReason !== null;
  return tail.final && isAtRest(state);
}
