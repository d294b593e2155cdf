import type { Role } from "../../machines/vocabulary.ts";
import { LockstepError } from "../errors.ts";
import { type ControlDocument, collections, type Plain, type Store } from "../journal/store.ts";
import { limits } from "../limits.ts";
import type { Lacking } from "../mongo/requirements/rights.ts";
import {
  count,
  fields,
  figure,
  flag,
  list,
  nullable,
  oneOf,
  optional,
  type Shape,
  text,
} from "../shape.ts";

/** One agent as the fleet knows it: a document of the `agents` collection. */
export interface AgentRecord {
  readonly agent: string;
  readonly role: Role;
  /** Grows with each process of the agent. */
  readonly incarnation: number;
  readonly version: string;
  /** Versions that its launcher can start. */
  readonly startable: readonly string[];
  readonly gate: "open" | "shut";
  /** The upgrade whose undo this agent still owes, or null. */
  readonly owes: string | null;
  /** Milliseconds by the store's clock. */
  readonly lastSeenAt: number;
  readonly forgotten: boolean;
  /** What this agent is stuck on, or null. */
  readonly blocked: string | null;
  /** The request by which it shall try again, until it has taken it; or null. */
  readonly retry: string | null;
  /** Bytes free where its backups go. */
  readonly freeBytes: number;
  /** Rights that the user of this state server lacks for an upgrade; absent while that is not known. */
  readonly rights?: Lacking;
  /** Ids of the backups that this agent holds. */
  readonly backups: readonly string[];
  /** Why this agent cannot read a copy from its own member, or null. */
  readonly memberTrouble: string | null;
  /** Where this process runs. */
  readonly host: string;
  readonly pid: number;
}

const shapes: { readonly [Field in Exclude<keyof AgentRecord, "agent">]: Shape } = {
  ...{ role: oneOf("state-server", "machine"), incarnation: count, version: text },
  ...{ startable: list(text), gate: oneOf("open", "shut"), owes: nullable(text) },
  ...{ lastSeenAt: figure, forgotten: flag, blocked: nullable(text), retry: nullable(text) },
  ...{ freeBytes: figure, backups: list(text), memberTrouble: optional(nullable(text)) },
  rights: optional(fields<Lacking>({ missing: text, optional: text })),
  ...{ host: text, pid: figure },
};
const recordShape = fields<Omit<AgentRecord, "agent">>(shapes);

/** Of a record that is broken: no upgrade waits for it, and it is silent where nobody knows when it was heard. */
const unknownFacts: Omit<AgentRecord, "agent" | "blocked"> = {
  ...{ role: "machine", incarnation: 0, version: "unknown", startable: [], owes: null },
  // One that was heard lately may write: its gate counts as open.
  ...{ gate: "open", lastSeenAt: 0, forgotten: false, retry: null, freeBytes: 0, backups: [] },
  ...{ memberTrouble: null, host: "unknown", pid: 0 },
};

/** A record as read; of a broken one what can be read, and what is wrong with it as what it is stuck on. Pure. */
export function agentRecordOf(agent: string, document: ControlDocument): AgentRecord {
  const wrong = recordShape(document, "");
  if (wrong === null) return { ...document, agent } as unknown as AgentRecord;
  const readable = Object.entries(shapes).filter(
    ([field, shape]) => document[field] !== undefined && shape(document[field], field) === null,
  );
  return {
    ...unknownFacts,
    ...Object.fromEntries(readable.map(([field]) => [field, document[field]])),
    agent,
    blocked: `the record of this agent in \`agents\` is broken: ${wrong}: restart the agent, which writes it anew, or \`lockstep forget\` it where it is gone for good`,
  };
}

/** All agents, forgotten ones left out. */
export async function readAgents(store: Store): Promise<readonly AgentRecord[]> {
  const found = await store.list(collections.agents);
  return found
    .filter(({ _id }) => typeof _id === "string")
    .map((document) => agentRecordOf(document._id, document))
    .filter(({ forgotten }) => !forgotten);
}

/**
 * True when the agent has been silent for too long, by the store's clock; or was last seen by a clock so far
 * ahead of the present one that nobody could say (who lives is seen again within a heartbeat).
 */
export function isSilent(agent: AgentRecord, nowMs: number): boolean {
  return Math.abs(nowMs - agent.lastSeenAt) > limits.heartbeatStaleMs;
}

/**
 * Registers a new process of an agent; from then on an older process of it cannot heartbeat.
 * @returns the incarnation
 */
export async function register(
  store: Store,
  agent: string,
  facts: {
    role: Role;
    version: string;
    startable: readonly string[];
    incarnationAtLeast: number;
    freeBytes: number;
    rights?: Lacking;
    backups: readonly string[];
    memberTrouble: string | null;
    host: string;
    pid: number;
  },
): Promise<number> {
  for (let attempt = 0; attempt < limits.appendConflictRetriesMax; attempt += 1) {
    const known = await store.get(collections.agents, agent);
    const last = known && agentRecordOf(agent, known);
    const previous = last?.incarnation ?? 0;
    const incarnation = Math.max(previous + 1, facts.incarnationAtLeast);
    const set: Record<string, Plain> = {
      role: facts.role,
      version: facts.version,
      startable: [...facts.startable],
      freeBytes: facts.freeBytes,
      ...(facts.rights ? { rights: { ...facts.rights } } : {}),
      backups: [...facts.backups],
      memberTrouble: facts.memberTrouble,
      host: facts.host,
      pid: facts.pid,
      incarnation,
      gate: "shut",
      forgotten: false,
      blocked: null,
      lastSeenAt: await store.now(),
    };
    const refused = await store.write([
      {
        collection: collections.agents,
        id: agent,
        expect: known ? { incarnation: (known["incarnation"] ?? null) as Plain } : null,
        set: { ...set, owes: last?.owes ?? null, retry: last?.retry ?? null },
      },
    ]);
    if (refused === null) return incarnation;
  }
  throw new LockstepError(
    "conflict",
    `agent "${agent}" could not be registered: several processes claim this name; give each agent a name of its own`,
  );
}

/** An agent's facts about its host's disk, its own member, and its user's rights. */
export type Holdings = Pick<AgentRecord, "freeBytes" | "rights" | "backups" | "memberTrouble">;

/**
 * Tells the fleet that this incarnation lives, at this time by the store's clock. False when a newer one has
 * registered, or when an operator has forgotten this agent: who comes back registers anew.
 */
export async function heartbeat(
  store: Store,
  agent: string,
  incarnation: number,
  lastSeenAt: number,
  { rights, ...facts }: { readonly blocked: string | null } & Partial<Holdings>,
): Promise<boolean> {
  const seen = {
    collection: collections.agents,
    id: agent,
    expect: { incarnation, forgotten: false },
    set: { lastSeenAt, ...facts, ...(rights ? { rights: { ...rights } } : {}) },
  };
  return (await store.write([seen], "heartbeat")) === null;
}
