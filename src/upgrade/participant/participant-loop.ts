import type {
  ParticipantContext,
  ParticipantInput,
} from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason, Role } from "../../../machines/vocabulary.ts";
import {
  coordinatorId,
  coordinatorPrefix,
  participantId,
  participantPrefix,
} from "../../control/names.ts";
import { notInstalled, noVersionError, readVersions } from "../../control/versions.ts";
import type { Engine } from "../../engine/engine.ts";
import { isLockstepError, type LockstepError, messageOf, reasonOf } from "../../errors.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
} from "../../journal/store.ts";
import type { Log } from "../../log.ts";
import { fromCoordinator } from "../protocol/derive.ts";
import { planOf, type Step } from "../protocol/steps.ts";
import { unreadable } from "../readable.ts";
import { contextOf, isFinal, isOver, viewOf } from "../views.ts";
import type { Gate } from "./gate.ts";
import type { LocalJournal } from "./local-journal.ts";

/** The means of the participant's loop. */
export interface ParticipantWorld {
  readonly store: Store;
  readonly engine: Engine;
  readonly gate: Gate;
  readonly agent: string;
  readonly role: Role;
  readonly incarnation: number;
  readonly version: string;
  readonly steps: readonly Step[];
  readonly startable: readonly string[];
  readonly cannotStart: Reason | null;
  /** Has the launcher start another version, once this process has left. */
  writeWantedVersion(version: string, because?: Reason): Promise<void>;
  /** Ends this process, for another version. */
  leave(): void;
  /** True for an actor that was there before this process: its fall-back is about that one. */
  wasTakenOver(actor: string): boolean;
  readonly localJournal: LocalJournal;
  readonly log: Log;
}

/** The means of moving its gate. */
export type GateWorld = Pick<ParticipantWorld, "store" | "gate" | "version" | "log">;

/** The result of a pass of the loop. */
export interface Reconciled {
  /** Why this agent is stuck, or null. */
  readonly blocked: string | null;
}

/** A launcher goes on telling what it fell back from: of another upgrade that says nothing. */
function isAbout(cannotStart: Reason | null, { from, to }: ParticipantContext): boolean {
  return [from, to].some((version) => cannotStart?.details["version"] === version);
}

/** Whether this participant had tried the version, so that a fall-back from it is its own. */
function hasTried({ leaving, running }: ParticipantContext, cannotStart: Reason | null): boolean {
  return leaving || running === cannotStart?.details["version"];
}

const started = (
  world: ParticipantWorld,
  { actor, protocol }: Entry,
  context: ParticipantContext,
) => {
  const plan = planOf(world.steps, context.from, context.to);
  const isOurs = isAbout(world.cannotStart, context) && hasTried(context, world.cannotStart);
  return {
    type: "started" as const,
    version: world.version,
    incarnation: world.incarnation,
    hash: plan.hash,
    schemaSteps: plan.schema.length,
    protocol,
    cannotStart: isOurs && world.wasTakenOver(actor) ? world.cannotStart : null,
  };
};

async function ensureParticipant(
  world: ParticipantWorld,
  input: Pick<ParticipantInput, "upgrade" | "from" | "to">,
  { protocol }: Entry,
): Promise<void> {
  const { agent, role } = world;
  const actor = participantId(agent, input.upgrade);
  await world.engine.create(actor, "agent", { agent, role, ...input } satisfies ParticipantInput, {
    owner: { kind: "pinned", agent },
    // The upgrade ends in the protocol in which it began: the build before this one may have to go on with it.
    protocol,
  });
}

/**
 * Whether the local files are where an upgrade starts: who missed an earlier one takes no part in the next,
 * whose steps do not begin there, and follows it when it is committed. A host that has no steps yet has the
 * files of what it was installed with, and may run what it is on its way to.
 */
async function isWhereItStarts(
  world: ParticipantWorld,
  { from, to }: Pick<ParticipantInput, "from" | "to">,
): Promise<boolean> {
  const stepsVersion = await world.localJournal.stepsVersion();
  return stepsVersion === undefined ? [from, to].includes(world.version) : stepsVersion === from;
}

/** Has a participant of its own in an upgrade. False when there is no such upgrade, or it is not for this host. */
async function joinUpgrade(world: ParticipantWorld, id: string, isOwed: boolean): Promise<boolean> {
  const coordinator = await world.store.tail(coordinatorId(id));
  if (!coordinator) return false;
  const { upgrade, from, to } = contextOf<UpgradeContext>(coordinator);
  if (!isOwed && !(await isWhereItStarts(world, { from, to }))) return false;
  await ensureParticipant(world, { upgrade, from, to }, coordinator);
  return true;
}

/**
 * Tells one participant of ours that this process runs, once, and what its coordinator and an operator decided.
 * @param retry the request by which who is stuck tries again, or null
 */
async function drive(
  world: ParticipantWorld,
  tail: Entry,
  versions: Versions,
  retry: string | null,
): Promise<void> {
  const { engine, store } = world;
  const view = viewOf<ParticipantContext>(tail);
  if (view.context.incarnation !== world.incarnation) {
    const key = `started@${world.incarnation}`;
    await engine.send(tail.actor, started(world, tail, view.context), { key });
    return;
  }
  const coordinator = await store.tail(coordinatorId(view.context.upgrade));
  if (!coordinator) return;
  for (const { event, key } of fromCoordinator(view, viewOf<UpgradeContext>(coordinator))) {
    await engine.send(tail.actor, event, { key });
  }
  if (view.state === "blocked") {
    const { upgrade, to, late, superseded } = view.context;
    // Stuck in a commit that a later one has replaced: its mended steps come with that one.
    const isReplaced = versions.upgrade === null && versions.agentVersion !== to;
    if (late && !superseded && isReplaced) {
      const key = `superseded@${versions.generation}`;
      world.log.info(
        { upgrade, to, fleet: versions.agentVersion },
        "a later upgrade replaces this",
      );
      await engine.send(tail.actor, { type: "superseded" }, { key });
      return;
    }
    if (retry === null) return;
    await engine.send(tail.actor, { type: "retryRequested" }, { key: `inbox/${retry}` });
  }
}

/** Takes an operator's request from this agent's record: it counts once. */
async function consumeRetry({ store, agent, incarnation }: ParticipantWorld, retry: string) {
  const expect = { incarnation, retry };
  await store.write([{ collection: collections.agents, id: agent, expect, set: { retry: null } }]);
}

/**
 * An agent that missed an upgrade follows it: forward only, since it is committed.
 * @returns whether it does from now on
 */
async function follow(
  world: ParticipantWorld,
  versions: Versions,
  mine: readonly Entry[],
): Promise<boolean> {
  const stepsVersion = await world.localJournal.stepsVersion();
  const from = stepsVersion ?? world.version;
  if (from === versions.agentVersion && world.version === versions.agentVersion) return false;
  const committed = (await world.store.tails(coordinatorPrefix)).findLast(
    (tail) => tail.state === "done" && contextOf<UpgradeContext>(tail).to === versions.agentVersion,
  );
  if (!committed) return false;
  const { upgrade, to } = contextOf<UpgradeContext>(committed);
  if (mine.some(({ actor }) => actor === participantId(world.agent, upgrade))) return false;
  world.log.info({ upgrade, from, to }, "this agent missed an upgrade and follows it");
  await ensureParticipant(world, { upgrade, from, to }, committed);
  return true;
}

/**
 * Who was away for the whole of an upgrade that was turned back owes an undo all the same.
 * @returns whether it takes part from now on
 */
async function joinOwedUndo(
  world: ParticipantWorld,
  owed: unknown,
  mine: readonly Entry[],
): Promise<boolean> {
  if (typeof owed !== "string") return false;
  const own = mine.find(({ actor }) => actor === participantId(world.agent, owed));
  if (own) {
    // It had undone its part before the coordinator, which had not heard of it, wrote the debt down.
    if (!isFinal(own)) return false;
    const expect = { incarnation: world.incarnation, owes: owed };
    await world.store.write([
      { collection: collections.agents, id: world.agent, expect, set: { owes: null } },
    ]);
    return false;
  }
  return mine.every(isOver) && joinUpgrade(world, owed, true);
}

/**
 * A launcher may fall back after the end of an upgrade, too: an agent at rest on another version than
 * the fleet's goes there, or says why it cannot.
 * @param takeRetry takes an operator's request, once it has been followed; null where there is none
 * @returns why it is stuck, or null
 */
async function returnToFleetVersion(
  world: ParticipantWorld,
  versions: Versions,
  takeRetry: (() => Promise<void>) | null,
): Promise<string | null> {
  const { version, startable, cannotStart } = world;
  const fleetVersion = versions.agentVersion;
  const stepsVersion = await world.localJournal.stepsVersion();
  // A new host has no steps yet: those of the fleet's version are its own from the start.
  if (stepsVersion !== undefined && stepsVersion !== fleetVersion) {
    return `the local steps of this host are those of ${stepsVersion}, the fleet is on ${fleetVersion}, and no upgrade that leads there is left to follow: put its files right, and start it with an empty data directory`;
  }
  if (version === fleetVersion) return null;
  if (!startable.includes(fleetVersion)) return notInstalled(fleetVersion);
  const fellBack = cannotStart !== null && cannotStart.details["version"] === fleetVersion;
  if (fellBack && takeRetry === null) return cannotStart.message;
  await world.writeWantedVersion(fleetVersion);
  try {
    await takeRetry?.();
  } finally {
    world.leave();
  }
  return null;
}

/** Not waited for: an application that takes its time keeps nobody from hearing what was decided. */
function setGate({ gate, log }: GateWorld, to: "open" | "shut"): void {
  void (to === "open" ? gate.open() : gate.shut()).catch((error: unknown) => {
    log.warn({ to, error: messageOf(error) }, "the gate could not be moved");
  });
}

function isAtFleetVersion({ version }: GateWorld, versions: Versions): boolean {
  return versions.upgrade === null && versions.databaseVersion === version;
}

/**
 * Shuts the gate where the versions say so. They alone decide that, beside the looks: this host's disk may hang, and
 * its application writes on.
 */
export async function shutGateIfAway(world: GateWorld): Promise<void> {
  const shut = () => {
    // Also where it does not look open: an opening may be under way.
    if (world.gate.isOpen || world.gate.isOpening) setGate(world, "shut");
  };
  try {
    const versions = await readVersions(world.store);
    if (!versions || !isAtFleetVersion(world, versions)) shut();
  } catch (error) {
    if (isLockstepError(error, "record-broken")) shut();
    throw error;
  }
}

/** What is read here may be old: whether the gate opens is decided in its transaction. */
async function reconcileGate(
  world: ParticipantWorld,
  versions: Versions,
  isFree: boolean,
): Promise<void> {
  if (!isAtFleetVersion(world, versions)) return;
  const stepsVersion = (await world.localJournal.stepsVersion()) ?? world.version;
  const mayOpen =
    isFree &&
    stepsVersion === world.version &&
    // The application could not write yet: whoever shut writers out lets them in first.
    (await world.store.get(collections.fences, documentIds.writeBlock)) === undefined;
  if (mayOpen && !world.gate.isOpen) setGate(world, "open");
  if (!mayOpen && (world.gate.isOpen || world.gate.isOpening)) setGate(world, "shut");
}

/** Whether another state server goes on with the upgrade: it can read what this build cannot. */
async function somebodyLeads({ store }: ParticipantWorld): Promise<boolean> {
  const lease = await store.get(collections.leases, documentIds.master);
  return Number(lease?.["expiresAt"] ?? 0) > (await store.now());
}

/**
 * Where this build cannot read what it has to go on with, the build that wrote it takes over on this host, if it is
 * installed: once, so that two builds which cannot read each other do not take turns.
 * @returns whether this process leaves
 */
async function handOver(world: ParticipantWorld, error: LockstepError): Promise<boolean> {
  const { build, actor } = error.details;
  if (typeof build !== "string" || build === world.version) return false;
  const handedOver = world.cannotStart?.details["version"] === build;
  if (handedOver || !world.startable.includes(build)) return false;
  const isOwn = String(actor).startsWith(participantPrefix(world.agent));
  if (!isOwn && (world.role === "machine" || (await somebodyLeads(world)))) return false;
  world.log.warn({ to: build, error: error.message }, "handed over to a build that can read it");
  const details = { ...error.details, version: world.version };
  await world.writeWantedVersion(build, { ...reasonOf(error), details });
  world.leave();
  return true;
}

/** One pass. What this build cannot read is left alone, the gate stays shut, and the reason is told. */
export async function reconcile(world: ParticipantWorld): Promise<Reconciled> {
  let versions: Versions | undefined;
  try {
    versions = await readVersions(world.store);
    if (!versions) throw noVersionError();
    return await act(world, versions);
  } catch (error) {
    // The gate is shut by its guard.
    const isUnknown =
      isLockstepError(error, "record-broken") || isLockstepError(error, "no-version");
    if (isUnknown) return { blocked: error.message };
    if (!versions || !isLockstepError(error, "entry-not-readable")) throw error;
    await reconcileGate(world, versions, false);
    await handOver(world, error);
    return { blocked: error.message };
  }
}

/** @throws LockstepError `entry-not-readable` for what this agent has to go on with */
async function requireReadable(
  { store }: ParticipantWorld,
  { upgrade }: Versions,
  mine: readonly Entry[],
): Promise<void> {
  const slot = upgrade === null ? undefined : await store.tail(coordinatorId(upgrade));
  for (const tail of [...mine.filter((own) => !isOver(own)), ...(slot ? [slot] : [])]) {
    const error = unreadable(tail);
    if (error) throw error;
  }
}

/** Creates what is missing, drives what is ours, tends the gate. */
async function act(world: ParticipantWorld, versions: Versions): Promise<Reconciled> {
  const { store } = world;
  const record = await store.get(collections.agents, world.agent);
  const [owed, retry] = [record?.["owes"], (record?.["retry"] ?? null) as string | null];
  const before = await store.tails(participantPrefix(world.agent));
  await requireReadable(world, versions, before);
  let joined = false;
  if (versions.upgrade !== null) {
    const actor = participantId(world.agent, versions.upgrade);
    // One upgrade after the other: what this agent still has to do in an earlier one comes first.
    const isNew = before.every((tail) => tail.actor !== actor && isOver(tail));
    joined = isNew && (await joinUpgrade(world, versions.upgrade, false));
  }
  joined = (await joinOwedUndo(world, owed, before)) || joined;
  const isAtRest = versions.upgrade === null && owed === null && before.every(isOver);
  joined = (isAtRest && (await follow(world, versions, before))) || joined;
  const tails = joined ? await store.tails(participantPrefix(world.agent)) : before;
  const mine = tails.filter((tail) => !isFinal(tail));
  for (const tail of mine) await drive(world, tail, versions, retry);
  await reconcileGate(world, versions, mine.length === 0 && owed === null);
  // An actor at its end may still have its version to keep.
  const away = tails.every(isOver) && versions.upgrade === null;
  const takeRetry = retry === null ? null : () => consumeRetry(world, retry);
  const stranded = away ? await returnToFleetVersion(world, versions, takeRetry) : null;
  // One that has only just heard that this process runs may be stuck still: it is asked at the next look.
  const isTold = (tail: Entry) =>
    contextOf<ParticipantContext>(tail).incarnation === world.incarnation;
  if (mine.every(isTold)) await takeRetry?.();
  if (stranded !== null) return { blocked: stranded };
  const stuck = mine.find(({ state }) => state === "blocked");
  return {
    blocked: stuck ? (contextOf<ParticipantContext>(stuck).reason?.message ?? "blocked") : null,
  };
}
