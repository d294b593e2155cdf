import type { Versions } from "../../src/journal/store.ts";
import { createInterner } from "./interner.ts";
import { eventId, eventOf, knownOf, renamed, tailOf } from "./tails.ts";
import {
  agentNames,
  type Budget,
  budgetKinds,
  newVersion,
  oldVersion,
  upgradeName,
} from "./vocabulary.ts";

/** The belief of a process that was master at some time. */
export interface Mastership {
  /** How many epochs it lies behind the fence: 0 for the master. */
  readonly behind: number;
  /** The coordinator's tail as it knows it, where that is another than the journal's; else 0. */
  readonly believed: number;
  /** The event that it has read and is about to send; else 0. */
  readonly hand: number;
  /** The batch that it is about to commit, from 1 on; `begin` is 0; else null. */
  readonly working: number | null;
}

/** One agent: its record, its journal, its host and its process. */
export interface Agent {
  readonly up: boolean;
  readonly gone: boolean;
  /** The version that its launcher starts or has started. */
  readonly version: string;
  readonly recordVersion: string;
  readonly gate: "open" | "shut";
  readonly owes: boolean;
  /** The process lets the application write. */
  readonly writing: boolean;
  /** It has looked, and is about to open its gate. */
  readonly opening: boolean;
  /** The launcher has fallen back to this version. */
  readonly fellBack: boolean;
  /** Its participant is older than its process. */
  readonly inherited: boolean;
  readonly participant: number;
  readonly believed: number;
  readonly stepsVersion: string;
  /** The host did not know which version its files match before the steps that its record names. */
  readonly unknown: boolean;
  /** The local step's change is on the host. */
  readonly changed: boolean;
  /** The local journal knows of it. */
  readonly recorded: boolean;
  readonly copy: boolean;
  readonly master: Mastership | null;
}

export interface State {
  readonly versions: Versions;
  readonly coordinator: number;
  /** How many epochs the coordinator's last entry lies behind the fence. */
  readonly coordinatorBehind: number;
  /** Committed batches as the fence tells, or null before the steps have begun. */
  readonly progress: number | null;
  /** How often each batch is in the data. */
  readonly applied: readonly number[];
  readonly agents: readonly Agent[];
  readonly budget: Budget;
}

export function firstState(budget: Budget): State {
  const agent: Agent = {
    ...{ up: true, gone: false, version: oldVersion, recordVersion: oldVersion },
    ...{ gate: "shut", owes: false, writing: false, opening: false },
    ...{ fellBack: false, inherited: false, participant: 0, believed: 0 },
    ...{ stepsVersion: oldVersion, unknown: false, changed: false, recorded: false },
    ...{ copy: false, master: null },
  };
  return {
    versions: {
      ...{ agentVersion: oldVersion, databaseVersion: oldVersion },
      ...{ upgradeId: null, generation: Number(upgradeName.slice(1)) - 1 },
    },
    ...{ coordinator: 0, coordinatorBehind: 0, progress: null, applied: [0, 0], budget },
    agents: agentNames.map(() => agent),
  };
}

const documents = createInterner<Versions>();
const documentIds = new WeakMap<Versions, number>();

function documentId(versions: Versions): number {
  const known = documentIds.get(versions);
  if (known !== undefined) return known;
  const id = documents.idOf(JSON.stringify(versions), () => versions);
  documentIds.set(versions, id);
  return id;
}

const bit = (value: boolean, place: number) => (value ? 1 << place : 0);

function agentCodes(agent: Agent): string {
  const flags =
    bit(agent.up, 0) |
    bit(agent.gone, 1) |
    bit(agent.version === newVersion, 2) |
    bit(agent.recordVersion === newVersion, 3) |
    bit(agent.gate === "open", 4) |
    bit(agent.owes, 5) |
    bit(agent.writing, 6) |
    bit(agent.opening, 7) |
    bit(agent.fellBack, 8) |
    bit(agent.inherited, 9) |
    bit(agent.stepsVersion === newVersion, 10) |
    bit(agent.changed, 11) |
    bit(agent.recorded, 12) |
    bit(agent.copy, 13) |
    bit(agent.master !== null, 14) |
    bit(agent.unknown, 15);
  const { master } = agent;
  const codes = [flags, agent.participant, agent.believed];
  if (master) {
    const working = master.working === null ? 0 : master.working + 1;
    codes.push(master.behind * 8 + working, master.believed, master.hand);
  }
  return String.fromCharCode(...codes);
}

/** The state as a short text: equal texts are equal states. */
function encode(state: State): string {
  const { budget, progress, applied } = state;
  const spent = budgetKinds.map((kind) => budget[kind]);
  return (
    String.fromCharCode(
      documentId(state.versions),
      state.coordinator,
      state.coordinatorBehind * 8 + (progress === null ? 0 : progress + 1),
      ...[(applied[0] ?? 0) * 16 + (applied[1] ?? 0)],
      ...spent.map((left, index) => (index % 2 === 0 ? left * 256 + (spent[index + 1] ?? 0) : 0)),
    ) + state.agents.map(agentCodes).join("")
  );
}

function readMaster(codes: string, at: number): Mastership {
  const code = codes.charCodeAt(at);
  const working = code % 8;
  return {
    behind: code >> 3,
    believed: codes.charCodeAt(at + 1),
    hand: codes.charCodeAt(at + 2),
    working: working === 0 ? null : working - 1,
  };
}

const versionAt = (flags: number, place: number) =>
  (flags & (1 << place)) === 0 ? oldVersion : newVersion;

function readAgent(codes: string, at: number): Agent {
  const flags = codes.charCodeAt(at);
  return {
    up: (flags & (1 << 0)) !== 0,
    gone: (flags & (1 << 1)) !== 0,
    version: versionAt(flags, 2),
    recordVersion: versionAt(flags, 3),
    gate: (flags & (1 << 4)) === 0 ? "shut" : "open",
    owes: (flags & (1 << 5)) !== 0,
    writing: (flags & (1 << 6)) !== 0,
    opening: (flags & (1 << 7)) !== 0,
    fellBack: (flags & (1 << 8)) !== 0,
    inherited: (flags & (1 << 9)) !== 0,
    participant: codes.charCodeAt(at + 1),
    believed: codes.charCodeAt(at + 2),
    stepsVersion: versionAt(flags, 10),
    changed: (flags & (1 << 11)) !== 0,
    recorded: (flags & (1 << 12)) !== 0,
    copy: (flags & (1 << 13)) !== 0,
    unknown: (flags & (1 << 15)) !== 0,
    master: (flags & (1 << 14)) === 0 ? null : readMaster(codes, at + 3),
  };
}

/** The inverse of `canonical`. */
export function decode(codes: string): State {
  const code = (at: number) => codes.charCodeAt(at);
  const progress = code(2) % 8;
  const budget: Record<string, number> = {};
  budgetKinds.forEach((kind, index) => {
    const pair = code(4 + index - (index % 2));
    budget[kind] = index % 2 === 0 ? pair >> 8 : pair % 256;
  });
  const agents: Agent[] = [];
  for (let at = 4 + budgetKinds.length; at < codes.length; ) {
    const agent = readAgent(codes, at);
    agents.push(agent);
    at += agent.master === null ? 3 : 6;
  }
  return {
    versions: documents.get(code(0)),
    coordinator: code(1),
    coordinatorBehind: code(2) >> 3,
    progress: progress === 0 ? null : progress - 1,
    applied: [code(3) >> 4, code(3) % 16],
    agents,
    budget: budget as unknown as Budget,
  };
}

/** Epochs by rank: only which is newer matters. */
function withRanks(state: State): State {
  const used = new Set([0]);
  if (state.coordinator !== 0) used.add(state.coordinatorBehind);
  for (const { master } of state.agents) if (master) used.add(master.behind);
  const ranks = [...used].toSorted((left, right) => left - right);
  if (ranks.every((behind, rank) => behind === rank)) return state;
  return {
    ...state,
    coordinatorBehind: Math.max(0, ranks.indexOf(state.coordinatorBehind)),
    agents: state.agents.map((agent) =>
      agent.master
        ? { ...agent, master: { ...agent.master, behind: ranks.indexOf(agent.master.behind) } }
        : agent,
    ),
  };
}

function renamedEvent(id: number, names: Readonly<Record<string, string>>): number {
  if (id === 0) return 0;
  const event = eventOf(id);
  const agent = event["agent"];
  return typeof agent === "string" ? eventId({ ...event, agent: names[agent] ?? agent }) : id;
}

/** How masters speak of an agent in what they are about to send: it tells agents apart, too. */
function mentionsOf(state: State, name: string): string {
  let mentions = "";
  for (const { master } of state.agents) {
    if (!master) continue;
    if (master.hand !== 0) mentions += eventOf(master.hand)["agent"] === name ? "+" : "-";
  }
  return mentions;
}

function keyOf(state: State, agent: Agent, index: number): string {
  const name = agentNames[index] as string;
  const known = state.coordinator === 0 ? "" : knownOf(state.coordinator, name);
  return agentCodes(agent) + known + mentionsOf(state, name);
}

/** The order in which the agents come first: none is different for its name. */
function orderOf(state: State): readonly number[] {
  const keys = state.agents.map((agent, index) => keyOf(state, agent, index));
  return [...keys.keys()].sort((left, right) => {
    const [one, other] = [keys[left] as string, keys[right] as string];
    return one < other ? -1 : one > other ? 1 : left - right;
  });
}

function inOrder(state: State): State {
  const order = orderOf(state);
  if (order.every((from, to) => from === to)) return state;
  const names = Object.fromEntries(
    order.map((from, to) => [agentNames[from] as string, agentNames[to] as string]),
  );
  const what = order.join();
  const tail = (id: number) => (id === 0 ? 0 : renamed(id, names, what));
  return {
    ...state,
    coordinator: tail(state.coordinator),
    agents: order.map((from) => {
      const agent = state.agents[from] as Agent;
      if (agent.master === null) return agent;
      const { believed, hand } = agent.master;
      const master = {
        ...agent.master,
        believed: tail(believed),
        hand: renamedEvent(hand, names),
      };
      return { ...agent, master };
    }),
  };
}

function withoutAgentRests(agent: Agent, copiesOver: boolean): Agent {
  const copy = agent.copy && !copiesOver;
  const recordVersion = agent.gate === "shut" ? agent.version : agent.recordVersion;
  const inherited = agent.inherited && agent.fellBack;
  const same =
    copy === agent.copy && recordVersion === agent.recordVersion && inherited === agent.inherited;
  return same ? agent : { ...agent, copy, recordVersion, inherited };
}

/** Removes facts that no decision asks for any more, so that more states are equal. */
function withoutRests(state: State): State {
  if (state.coordinator === 0) return state;
  const { state: where, context, final } = tailOf(state.coordinator);
  const back = ["rolling-back", "blocked", "rolled-back"].includes(where);
  const over = where === "done" || (back && !(context.touched && !context.restored));
  const aborts = back || final ? 0 : state.budget.aborts;
  const holds = back || final || where === "awaiting-peers" ? 0 : state.budget.holds;
  const timeouts = final ? 0 : state.budget.timeouts;
  const { budget } = state;
  const unspent =
    aborts === budget.aborts && timeouts === budget.timeouts && holds === budget.holds;
  return {
    versions: state.versions,
    coordinator: state.coordinator,
    coordinatorBehind: state.coordinatorBehind,
    progress: state.progress,
    applied: state.applied,
    budget: unspent ? budget : { ...budget, aborts, timeouts, holds },
    agents: state.agents.map((agent) => withoutAgentRests(agent, over)),
  };
}

/** One text for all states that differ in agents' names or in what only grows. */
export function canonical(state: State): string {
  return encode(inOrder(withRanks(withoutRests(state))));
}

/** A few words on a state, for the path to a violation. */
export function describeState(state: State): string {
  const coordinator = state.coordinator === 0 ? "none" : tailOf(state.coordinator).state;
  const agents = state.agents.map((agent, index) => {
    const participant = agent.participant === 0 ? "none" : tailOf(agent.participant).state;
    const process = agent.up ? agent.version : "down";
    const role = agent.master ? ` master-${agent.master.behind}` : "";
    return `${agentNames[index]}: ${process}, ${participant}, ${agent.gate}${role}`;
  });
  return `upgrade ${coordinator}, batches ${state.applied.join("+")}; ${agents.join("; ")}`;
}
