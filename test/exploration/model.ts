import type { AgentRecord } from "../../src/control/agents.ts";
import { collections, type Versions, type Write } from "../../src/journal/store.ts";
import type { ActorView } from "../../src/upgrade/protocol/derive.ts";
import type { Agent, State } from "./state.ts";
import { type Tail, tailOf } from "./tails.ts";
import {
  agentNames,
  type Budget,
  type Mutant,
  newVersion,
  noFaults,
  oldVersion,
} from "./vocabulary.ts";

/** One thing that may happen in a state. */
export interface Action {
  readonly label: string;
  readonly state: State;
  /** False for what costs nothing of the budget: from each state these alone lead to an end. */
  readonly fault: boolean;
  /** Invariants that this very action breaks. */
  readonly broken: readonly string[];
}

/** The collector of one state's actions. */
export interface Model {
  readonly mutant: Mutant | null;
  readonly actions: Action[];
}

export const nameOf = (index: number): string => agentNames[index] as string;

export const agentOf = (state: State, index: number): Agent => state.agents[index] as Agent;

export function withAgent(state: State, index: number, change: Partial<Agent>): State {
  const agents = state.agents.with(index, { ...agentOf(state, index), ...change });
  return { ...state, agents };
}

/** The state with one fault of the kind less, or undefined when none is left. */
export function spent(state: State, kind: Exclude<keyof Budget, "inAll">): State | undefined {
  const { [kind]: left, inAll } = state.budget;
  if (left === 0) return undefined;
  // After the last of all, none of any kind is left: states are equal whichever it was.
  const budget = inAll === 1 ? noFaults : { ...state.budget, [kind]: left - 1, inAll: inAll - 1 };
  return { ...state, budget };
}

/** The agents' records as the product reads them; who is silent has not been seen since 0. */
export function recordsOf(
  state: State,
  isSilent: (index: number) => boolean,
): readonly AgentRecord[] {
  return state.agents.map((agent, index) => ({
    ...{ agent: nameOf(index), role: "state-server", incarnation: 1 },
    ...{ version: agent.recordVersion, startable: [oldVersion, newVersion], gate: agent.gate },
    ...{ owes: agent.owes ? "u000002" : null, lastSeenAt: isSilent(index) ? 0 : silentNowMs },
    ...{
      forgotten: false,
      blocked: null,
      retry: null,
      freeBytes: 1,
      backups: [],
      memberTrouble: null,
      host: "host",
      pid: 1,
    },
  }));
}

/** A moment at which one last seen at 0 is silent. */
export const silentNowMs = 1_000_000;

/** A tail as the product's decisions read it. */
export function viewOf(
  id: number,
  actor: string,
  agent: string,
): ActorView<Tail["context"]> & { readonly final: boolean } {
  const tail = tailOf(id);
  const context = tail.machine === "participant" ? { ...tail.context, agent } : tail.context;
  return { actor, revision: 0, state: tail.state, context, at: 0, final: tail.final };
}

const plain = (value: unknown) => value ?? null;

/** The control documents after a transaction; undefined when an expectation fails. */
export function applyWrites(state: State, writes: readonly Write[]): State | undefined {
  let result = state;
  for (const { collection, id, expect, set, increment } of writes) {
    if (collection === collections.versions) {
      const before = result.versions as unknown as Record<string, unknown>;
      const holds = Object.entries(expect ?? {}).every(
        ([field, value]) => plain(before[field]) === plain(value),
      );
      if (!holds) return undefined;
      const generation = result.versions.generation + (increment?.["generation"] ?? 0);
      const versions = { ...before, ...set, generation } as unknown as Versions;
      result = { ...result, versions };
    } else if (collection === collections.agents) {
      const index = agentNames.indexOf(id as (typeof agentNames)[number]);
      if (expect && "owes" in expect && agentOf(result, index).owes !== (expect["owes"] !== null)) {
        return undefined;
      }
      result = withAgent(result, index, {
        ...(set && "gate" in set ? { gate: set["gate"] as Agent["gate"] } : {}),
        ...(set && "owes" in set ? { owes: set["owes"] !== null } : {}),
      });
    } else throw new Error(`expected a document that the model knows, got ${collection}`);
  }
  return result;
}
