import { lt, valid } from "semver";
import {
  foreignWrites,
  type UpgradeContext,
  type UpgradeEvent,
} from "../../../machines/upgrade-context.ts";
import type { Deadlines, ForeignWritesPolicy } from "../../../machines/vocabulary.ts";
import { type AgentRecord, isSilent, readAgents } from "../../control/agents.ts";
import type { FailureDetector } from "../../control/failure-detector.ts";
import { coordinatorId, coordinatorPrefix, masterRole } from "../../control/ids.ts";
import {
  type Answer,
  answerWrite,
  beginWrite,
  type FleetRequest,
  type InboxItem,
  readInbox,
  refuseWrite,
  tooManyRequests,
  withdrawWrite,
} from "../../control/inbox.ts";
import { noVersionError, readVersions } from "../../control/versions.ts";
import { isLockstepError, LockstepError, messageOf, reasonOf } from "../../errors.ts";
import type { Engine, SendResult } from "../../fleet-engine/engine.ts";
import { collections, type Store, type Versions, type Write } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { asUnreachable } from "../../mongo/transient.ts";
import type { ExtraCopy } from "../database/upgrade-database.ts";
import { contextOf, unreadable } from "../fleet-journal.ts";
import { readOpenParts } from "../open-parts.ts";
import { decideAcceptance, type Wanted } from "../protocol/accept.ts";
import type { ActorView } from "../protocol/derive.ts";
import { betweenDown } from "../protocol/going-back.ts";
import { decidePause, decideResume } from "../protocol/pausing.ts";
import type { Step } from "../protocol/steps.ts";
import { activeCoordinator } from "./active-upgrade.ts";

/** The means by which a master serves requests. */
export interface MasterWorld {
  readonly store: Store;
  readonly engine: Engine;
  readonly failureDetector: FailureDetector;
  readonly foreignWrites: ForeignWritesPolicy;
  /** The steps of this build. */
  readonly steps: readonly Step[];
  readonly log: Log;
  /** Refuses by name what cannot be upgraded here: deployment, database, space. */
  preflight(extra: ExtraCopy): Promise<readonly string[]>;
}

const owner = { kind: "role", role: masterRole } as const;

function surprise(error: unknown): LockstepError {
  const message = `this request could not be judged: ${messageOf(error)}: mend that, then ask again`;
  return new LockstepError("unexpected", message);
}

function noUpgrade(what: string): LockstepError {
  return new LockstepError("no-upgrade", `expected an active upgrade to ${what}, there is none`);
}

function wantedBy(request: FleetRequest & { kind: "upgrade" | "restore" }): Wanted {
  if (request.kind === "upgrade") return { to: request.to, restoreOf: null };
  const { backupId, digest, version } = request.backup;
  return { to: version, restoreOf: { backupId, digest } };
}

/** The steps between the fleet's version and a lower one that is wanted, which that one cannot undo. */
async function readBetween(
  { store, steps }: MasterWorld,
  { agentVersion }: Versions,
  { to }: Wanted,
): Promise<readonly string[]> {
  if (valid(to) === null || !lt(to, agentVersion)) return [];
  const done = (await store.tails(coordinatorPrefix)).filter(({ state }) => state === "done");
  const unread = done.filter((tail) => unreadable(tail) !== null);
  const read = done.filter((tail) => unreadable(tail) === null);
  const contexts = read.map((tail) => contextOf<UpgradeContext>(tail));
  return [
    ...betweenDown(steps, { from: agentVersion, to }, contexts),
    ...unread.map(({ actor }) => `${actor}, which this build cannot read`),
  ];
}

/** @throws LockstepError `plan-differs` where another upgrade came after the plan */
function requireGeneration({ generation }: Versions, planned: number | undefined): void {
  if (planned === undefined || planned === generation) return;
  throw new LockstepError(
    "plan-differs",
    `expected the fleet in the generation ${planned}, for which it was planned, found ${generation}: another upgrade came in between; make the plan again`,
    { planned, generation },
  );
}

async function acceptUpgrade(
  world: MasterWorld,
  item: InboxItem,
  request: FleetRequest & { kind: "upgrade" | "restore" },
): Promise<void> {
  const { store, engine } = world;
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  if (request.kind === "upgrade") requireGeneration(versions, request.generation);
  const [agents, nowMs] = [await readAgents(store), await store.now()];
  const isUnheard = agents.some((agent) => agent.role === "state-server" && isSilent(agent, nowMs));
  if (isUnheard && !world.failureDetector.canJudgeSilence(nowMs)) {
    throw new LockstepError(
      "database-unreachable",
      "some state servers have not been heard yet: the request is judged again",
    );
  }
  const wanted = wantedBy(request);
  const input = decideAcceptance({
    versions,
    between: await readBetween(world, versions, wanted),
    agents,
    wanted,
    deadlines: request.deadlines as Partial<Deadlines>,
    openParts: await readOpenParts(store, agents),
    nowMs,
  });
  const warnings = await world.preflight(
    request.kind === "restore" ? request.backup : { bytes: 0, files: 0 },
  );
  const what = input.restoreOf ? `restore of ${input.restoreOf.backupId},` : "upgrade";
  const answer: Answer = {
    ok: true,
    upgradeId: input.upgradeId,
    message: [
      `accepted as ${input.upgradeId}: ${what} ${input.from} to ${input.to}`,
      `writers outside the fleet are ${world.foreignWrites}`,
      ...warnings,
    ].join("; "),
  };
  await engine.create(coordinatorId(input.upgradeId), "upgrade", input, {
    owner,
    writes: [answerWrite(item.id, answer)],
  });
}

/** @param event makes the answer true; null where it is true already */
async function sendToCoordinator(
  world: MasterWorld,
  item: InboxItem,
  coordinator: ActorView<UpgradeContext>,
  event: UpgradeEvent | null,
  message: string,
): Promise<void> {
  const { upgradeId } = coordinator.context;
  const writes = [answerWrite(item.id, { ok: true, upgradeId, message })];
  if (event === null) {
    await world.store.write(writes);
    return;
  }
  const key = `inbox/${item.id}`;
  const result: SendResult = await world.engine.send(coordinator.actor, event, { key, writes });
  if (result.kind === "applied") return;
  if (result.kind === "duplicate") {
    await world.store.write(writes);
    return;
  }
  const { state, status } = result.entry;
  if (status !== "active") {
    throw new LockstepError(
      "wrong-state",
      `expected an active upgrade, ${upgradeId} has come to its end meanwhile: ${state}`,
      { upgradeId, state },
    );
  }
  throw new LockstepError("conflict", `${upgradeId} is ${state} by now: this is judged again`);
}

async function forgetAgent(world: MasterWorld, item: InboxItem, agent: string): Promise<void> {
  const { store } = world;
  const record = (await readAgents(store)).find((candidate) => candidate.agent === agent);
  if (!record) {
    throw new LockstepError("unknown-agent", `expected an agent of this fleet, got "${agent}"`);
  }
  const nowMs = await store.now();
  if (!world.failureDetector.canJudgeSilence(nowMs)) {
    throw new LockstepError(
      "heartbeat-fresh",
      `it is not known yet whether agent "${agent}" is alive, because the database was away or its master is new: ask again in some seconds`,
    );
  }
  if (!isSilent(record, nowMs)) {
    throw new LockstepError(
      "heartbeat-fresh",
      `agent "${agent}" is alive: stop it first, only an agent that is gone for good can be forgotten`,
    );
  }
  const answer: Answer = { ok: true, upgradeId: null, message: `agent ${agent} is forgotten` };
  const writes: readonly Write[] = [
    answerWrite(item.id, answer),
    {
      collection: collections.agents,
      id: agent,
      // An agent that is back meanwhile is not forgotten, and stays in the upgrade.
      // The record of a broken one may have lost it.
      expect: record.incarnation === 0 ? {} : { incarnation: record.incarnation },
      set: { forgotten: true, gate: "shut", owes: null },
    },
  ];
  const coordinator = await activeCoordinator(store);
  if (coordinator && !coordinator.final) {
    const event: UpgradeEvent = { type: "agentForgotten", agent };
    const key = `inbox/${item.id}`;
    const result = await world.engine.send(coordinator.actor, event, { key, writes });
    if (result.kind === "applied") return;
  }
  await store.write(writes);
}

function meanwhile(what: string): LockstepError {
  return new LockstepError("conflict", `${what} meanwhile: the request is judged again`);
}

/** @throws LockstepError `foreign-writes` where the way back would discard writes of others, and nobody has said so */
function requireDiscard(
  { blockedReason, foreignWritesAccepted }: UpgradeContext,
  { discardForeignWrites = false }: FleetRequest & { kind: "retry" },
): void {
  if (blockedReason?.code !== foreignWrites || foreignWritesAccepted || discardForeignWrites)
    return;
  throw new LockstepError(
    "foreign-writes",
    `the way back discards writes from outside the fleet, and nobody has confirmed that: use \`lockstep retry --confirm DATABASE\`, which saves their documents to a file first: ${blockedReason.message}`,
    blockedReason.details,
  );
}

/** The upgrade that is stuck tries again, and each agent that is: it takes the request from its record. */
async function retry(
  world: MasterWorld,
  item: InboxItem,
  request: FleetRequest & { kind: "retry" },
  coordinator: ActorView<UpgradeContext> | undefined,
): Promise<void> {
  const agents = await readAgents(world.store);
  // Each by itself: heartbeats change these records all the time, and of many in one transaction some would
  // always be in conflict. Each with the request: once it is answered, a master that has overslept asks nobody.
  const ask = async (asked: readonly AgentRecord[]) => {
    for (const { agent } of asked) {
      const refused = await world.store.write([
        beginWrite(item.id),
        { collection: collections.agents, id: agent, expect: {}, set: { retry: item.id } },
      ]);
      if (refused !== null) throw meanwhile("it is answered");
    }
  };
  if (coordinator?.state === "blocked") {
    requireDiscard(coordinator.context, request);
    // All of them, since an agent that has only just got stuck may not have said so yet.
    await ask(agents);
    const event: UpgradeEvent = { type: "retryRequested" };
    return sendToCoordinator(world, item, coordinator, event, "the roll-back goes on");
  }
  const stuck = agents.filter(
    ({ blocked, notServing }) => (blocked ?? notServing ?? null) !== null,
  );
  if (stuck.length > 0 || item.begun) {
    await ask(stuck);
    const names = stuck.map(({ agent }) => agent).join(", ");
    const message = names === "" ? "each stuck agent has tried again" : `tries again: ${names}`;
    await world.store.write([answerWrite(item.id, { ok: true, upgradeId: null, message })]);
    return;
  }
  if (!coordinator) throw noUpgrade("retry");
  throw new LockstepError(
    "wrong-state",
    `expected a blocked upgrade, it is ${coordinator.state}: nothing to retry`,
  );
}

async function serve(world: MasterWorld, item: InboxItem): Promise<void> {
  const { request } = item;
  const coordinator = await activeCoordinator(world.store);
  switch (request.kind) {
    case "upgrade":
    case "restore":
      return acceptUpgrade(world, item, request);
    case "abort": {
      if (!coordinator) throw noUpgrade("abort");
      if (coordinator.state === "blocked") {
        throw new LockstepError(
          "wrong-state",
          "the upgrade is blocked on its way back already: mend the cause, then `lockstep retry`",
        );
      }
      const message = "the fleet turns back";
      const isBack = coordinator.state === "rolling-back";
      const event = { type: "abortRequested", why: request.why } as const;
      return sendToCoordinator(world, item, coordinator, isBack ? null : event, message);
    }
    case "pause":
    case "resume": {
      if (!coordinator) throw noUpgrade(request.kind);
      const { event, message } =
        request.kind === "pause"
          ? decidePause(coordinator, request.why)
          : decideResume(coordinator);
      return sendToCoordinator(world, item, coordinator, event, message);
    }
    case "retry":
      return retry(world, item, request, coordinator);
    case "forget":
      return forgetAgent(world, item, request.agent);
  }
}

/** After these nobody's request can be judged just now; after `conflict` this one is judged again. */
const passing: readonly string[] = ["fenced", "lease-lost", "database-unreachable"];

/** Whether a request that cannot be served has its answer now; one that cannot even be answered is passed over. */
async function refuse({ store, log }: MasterWorld, item: InboxItem, nowMs: number) {
  try {
    return (await store.write([refuseWrite(item, nowMs)])) === null;
  } catch (thrown) {
    const error = asUnreachable(thrown);
    if (isLockstepError(error)) throw error;
    log.debug({ trouble: item.trouble, error: messageOf(error) }, "a request is passed over");
    return false;
  }
}

/** The outcome of one pass over the requests. */
export interface Served {
  /** More requests may be waiting. */
  readonly isMore: boolean;
  /** So many requests can neither be served nor answered: the next pass looks behind them. */
  readonly passedOver: number;
}

/** Answers at once what is not to be served; the requests to serve are left, in their order. */
async function dismiss(
  world: MasterWorld,
  items: readonly InboxItem[],
): Promise<{ waiting: readonly InboxItem[]; passedOver: number }> {
  const nowMs = await world.store.now();
  const broken = items.filter(({ trouble }) => trouble !== null);
  const answered = await Promise.all(broken.map((item) => refuse(world, item, nowMs)));
  const sound = items.filter(({ trouble }) => trouble === null);
  // The client of such a request may have died: nobody would know that it is done.
  const isLeft = ({ waitedForUntil, begun }: InboxItem) => nowMs > waitedForUntil && !begun;
  const wanted = sound.filter((item) => !isLeft(item));
  const tooMany = { ok: false, ...reasonOf(tooManyRequests()) } as const;
  const excess = wanted.slice(limits.requestsWaitingMax).filter(({ begun }) => !begun);
  await Promise.all([
    ...sound.filter(isLeft).map(({ id }) => world.store.write([withdrawWrite(id)])),
    ...excess.map(({ id }) => world.store.write([answerWrite(id, tooMany)])),
  ]);
  return {
    waiting: wanted.filter((item) => !excess.includes(item)),
    passedOver: answered.filter((isAnswered) => !isAnswered).length,
  };
}

/**
 * Serves the first requests that are waiting. A failure is an answer, so that it keeps no later request waiting.
 * @param passedOver as the previous pass answered
 * @throws LockstepError what passes: a request that could not be served is served in a later pass
 */
export async function serveInbox(world: MasterWorld, passedOver = 0): Promise<Served> {
  const limit = Math.min(2 * limits.requestsWaitingMax + passedOver, limits.listMax);
  const items = await readInbox(world.store, limit);
  if (items.length === 0) return { isMore: false, passedOver: 0 };
  const { waiting, passedOver: passedOverNow } = await dismiss(world, items);
  const inConflict: LockstepError[] = [];
  for (const item of waiting.slice(0, limits.requestsPerPassMax)) {
    try {
      await serve(world, item);
    } catch (thrown) {
      const error = asUnreachable(thrown);
      const known = isLockstepError(error) ? error : surprise(error);
      if (known.code === "conflict") inConflict.push(known);
      else if (passing.includes(known.code)) throw error;
      else await world.store.write([answerWrite(item.id, { ok: false, ...reasonOf(known) })]);
    }
  }
  const [first] = inConflict;
  if (first) throw first;
  const isFull = items.length >= limit && limit < limits.listMax;
  return {
    isMore: isFull || waiting.length > limits.requestsPerPassMax,
    passedOver: passedOverNow,
  };
}
