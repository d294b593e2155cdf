import type { Role } from "../../machines/vocabulary.ts";
import { LockstepError } from "../errors.ts";
import {
  type ControlDocument,
  collections,
  type Plain,
  type Store,
  type Write,
} from "../journal/store.ts";
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
import { roleShape } from "./role-shape.ts";

/** The backups on the disk of one agent. */
export interface BackupsHeld {
  readonly held: number;
  readonly bytes: number;
  /** Milliseconds by its host's clock at which the newest of them was complete; null where there is none. */
  readonly newestAt: number | null;
}

const backupsHeldShape = fields<BackupsHeld>({
  ...{ held: count, bytes: count, newestAt: nullable(figure) },
});

/** The record of one agent: a document of the `agents` collection. */
export interface AgentRecord {
  readonly agent: string;
  readonly role: Role;
  /** Grows with each process of the agent. */
  readonly incarnation: number;
  readonly version: string;
  /** Versions that its launcher can start. It is empty where the agent runs without a launcher. */
  readonly startable: readonly string[];
  readonly gate: "open" | "shut";
  /** Since when its application drains, by the store's clock, or null. A record of an earlier build lacks it. */
  readonly drainingSince?: number | null;
  /** The upgrade whose undo this agent still owes, or null. */
  readonly owes: string | null;
  /** Milliseconds by the store's clock. */
  readonly lastSeenAt: number;
  readonly forgotten: boolean;
  /** Why this agent cannot go on, or null. */
  readonly blocked: string | null;
  /** Why its gate is shut although the versions agree, or null. It keeps no upgrade away. Earlier builds lack it. */
  readonly notServing?: string | null;
  /**
   * True until this process has read the state of the fleet and checked the files of its host for the first time, and while
   * it runs the local steps that lead them to the fleet's version. A record of an earlier build lacks it.
   */
  readonly starting?: boolean;
  /** The id of the request to try again, until the agent has taken it; or null. */
  readonly retry: string | null;
  /** Free bytes on the disk of its backups. */
  readonly freeBytes: number;
  /** Rights for an upgrade that the user of this state server lacks. They are absent while they are unknown. */
  readonly rights?: Lacking;
  /** Ids of the backups that this agent holds. */
  readonly backups: readonly string[];
  /** The figures of its backups. They are absent while they are unknown. */
  readonly backupsHeld?: BackupsHeld;
  /** Why this agent cannot read a copy from its own member, or null. */
  readonly memberTrouble: string | null;
  /** The id of its data directory. A record of an earlier build lacks it. */
  readonly directory?: string;
  /** The host of this process. */
  readonly host: string;
  readonly pid: number;
}

const shapes: { readonly [Field in Exclude<keyof AgentRecord, "agent">]: Shape } = {
  ...{ role: roleShape, incarnation: count, version: text },
  ...{ startable: list(text), gate: oneOf("open", "shut"), owes: nullable(text) },
  ...{ lastSeenAt: figure, forgotten: flag, blocked: nullable(text), retry: nullable(text) },
  ...{ freeBytes: figure, backups: list(text), memberTrouble: optional(nullable(text)) },
  ...{ drainingSince: optional(nullable(figure)), directory: optional(text) },
  ...{ notServing: optional(nullable(text)), starting: optional(flag) },
  rights: optional(fields<Lacking>({ missing: text, optional: text })),
  backupsHeld: optional(backupsHeldShape),
  ...{ host: text, pid: figure },
};
const recordShape = fields<Omit<AgentRecord, "agent">>(shapes);

/**
 * The facts that stand in for those of a broken record. No upgrade waits for such an agent, and it is silent where
 * its last heartbeat is unknown.
 */
const unknownFacts: Omit<AgentRecord, "agent" | "blocked"> = {
  ...{ role: "machine", incarnation: 0, version: "unknown", startable: [], owes: null },
  // The gate of an agent that was heard lately counts as open, since it may write.
  ...{ gate: "open", lastSeenAt: 0, forgotten: false, retry: null, freeBytes: 0, backups: [] },
  ...{ memberTrouble: null, host: "unknown", pid: 0 },
};

/** A record as it was read. Of a broken one it has the readable fields, and `blocked` says what is wrong. Pure. */
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
    blocked: `the record of this agent in \`agents\` is broken: ${wrong}: restart the agent, which writes it again, or run \`lockstep forget\` where the agent never comes back`,
  };
}

/** All agents without the forgotten ones. */
export async function readAgents(store: Pick<Store, "list">): Promise<readonly AgentRecord[]> {
  const found = await store.list(collections.agents);
  return found
    .filter(({ _id }) => typeof _id === "string")
    .map((document) => agentRecordOf(document._id, document))
    .filter(({ forgotten }) => !forgotten);
}

/**
 * True when the agent has been silent for too long by the store's clock. A last heartbeat far in the future counts as
 * silence, too: an agent that lives is heard again within a second.
 */
export function isSilent(agent: AgentRecord, nowMs: number): boolean {
  return Math.abs(nowMs - agent.lastSeenAt) > limits.heartbeatStaleMs;
}

/**
 * True until an agent has its host ready. Its gate opens only then, so an open one outweighs a heartbeat that was on its
 * way. Pure.
 */
export function isStarting({ starting, gate }: Pick<AgentRecord, "starting" | "gate">): boolean {
  return starting === true && gate !== "open";
}

/**
 * The process that holds a name against an agent of this data directory, or undefined. An earlier process of the same
 * directory has ended: the lock of the directory proves that. Pure.
 */
export function holderOf(
  last: AgentRecord | undefined,
  directory: string | undefined,
  nowMs: number,
): AgentRecord | undefined {
  if (!last || last.forgotten || isSilent(last, nowMs)) return undefined;
  // A record of an earlier build names no directory.
  const isKnown = last.directory !== undefined && directory !== undefined;
  return isKnown && last.directory !== directory ? last : undefined;
}

export function nameTaken({ agent, host, pid }: AgentRecord): LockstepError {
  return new LockstepError(
    "name-taken",
    `agent "${agent}" runs already, as process ${pid} on host ${host}: give this one a name of its own, or end that process`,
    { agent, host, pid },
  );
}

/**
 * Registers a new process of an agent. From then on no older process of it can heartbeat.
 * @returns the incarnation
 * @throws LockstepError `name-taken`, `conflict`
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
    directory?: string;
    /** Default: false. */
    starting?: boolean;
    host: string;
    pid: number;
  },
): Promise<number> {
  for (let attempt = 0; attempt < limits.appendConflictRetriesMax; attempt += 1) {
    const known = await store.get(collections.agents, agent);
    const last = known && agentRecordOf(agent, known);
    const nowMs = await store.now();
    const holder = holderOf(last, facts.directory, nowMs);
    if (holder) throw nameTaken(holder);
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
      ...(facts.directory === undefined ? {} : { directory: facts.directory }),
      host: facts.host,
      pid: facts.pid,
      incarnation,
      gate: "shut",
      drainingSince: null,
      forgotten: false,
      blocked: null,
      notServing: null,
      starting: facts.starting ?? false,
      lastSeenAt: nowMs,
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
    `agent "${agent}" could not be registered, since several processes claim this name: give each agent a name of its own`,
  );
}

/** Notes that the application of this incarnation drains. The shut gate, or the next incarnation, ends the note. */
export function drainingWrite(agent: string, incarnation: number, sinceMs: number): Write {
  const set = { drainingSince: sinceMs };
  return { collection: collections.agents, id: agent, expect: { incarnation }, set };
}

/** An agent's facts about its host's disk, its own member, and its user's rights. */
export type Holdings = Pick<
  AgentRecord,
  "freeBytes" | "rights" | "backups" | "backupsHeld" | "memberTrouble"
>;

/**
 * Tells the fleet that this incarnation lives, at this time by the store's clock.
 * @returns false when a newer one has registered, or an operator has forgotten this agent; its next process registers
 *   anew
 */
export async function heartbeat(
  store: Store,
  agent: string,
  incarnation: number,
  lastSeenAt: number,
  {
    rights,
    startable,
    backupsHeld,
    ...facts
  }: { readonly blocked: string | null } & Partial<
    Holdings & Pick<AgentRecord, "startable" | "notServing" | "starting">
  >,
): Promise<boolean> {
  const seen = {
    collection: collections.agents,
    id: agent,
    expect: { incarnation, forgotten: false },
    set: {
      ...{ lastSeenAt, ...facts },
      ...(startable ? { startable: [...startable] } : {}),
      ...(rights ? { rights: { ...rights } } : {}),
      ...(backupsHeld ? { backupsHeld: { ...backupsHeld } } : {}),
    },
  };
  return (await store.write([seen], "heartbeat")) === null;
}
