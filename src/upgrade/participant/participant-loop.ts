import type { ParticipantContext } from "../../../machines/participant-context.ts";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { coordinatorId, isProvision, participantId, participantPrefix } from "../../control/ids.ts";
import { noVersionError, readVersions } from "../../control/versions.ts";
import { isLockstepError, type LockstepError, messageOf, reasonOf } from "../../errors.ts";
import { collections, documentIds, type Entry, type Versions } from "../../journal/store.ts";
import { contextOf, isFinal, isOver, unreadable, viewOf } from "../fleet-journal.ts";
import { fromCoordinator } from "../protocol/derive.ts";
import { planOf } from "../protocol/steps.ts";
import {
  follow,
  isWhereItStarts,
  provision,
  returnToFleetVersion,
  settleHostVersion,
  whyNoPart,
} from "./local/host-version.ts";
import { ensureParticipant, type GateWorld, type ParticipantWorld } from "./participant-world.ts";

/** The result of a pass of the loop. */
export interface Reconciled {
  /** Why this agent is stuck, or null. */
  readonly blocked: string | null;
  /** True while the host runs the local steps that lead to the fleet's version. Default: false. */
  readonly isProvisioning?: boolean;
}

/** True where the fall-back is from a version of this upgrade. A launcher also goes on reporting an earlier one. */
function isAbout(cannotStart: Reason | null, { from, to }: ParticipantContext): boolean {
  return [from, to].some((version) => cannotStart?.details["version"] === version);
}

/** True where this participant had tried the version, so that a fall-back from it is its own. */
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
    steps: plan.digests,
    schemaSteps: plan.schema.length,
    protocol,
    cannotStart: isOurs && world.wasTakenOver(actor) ? world.cannotStart : null,
  };
};

/** Creates this agent's participant in an upgrade. False when there is no such upgrade, or it is not for this host. */
async function joinUpgrade(world: ParticipantWorld, id: string, isOwed: boolean): Promise<boolean> {
  const coordinator = await world.store.tail(coordinatorId(id));
  if (!coordinator) return false;
  const { upgradeId, from, to } = contextOf<UpgradeContext>(coordinator);
  if (!isOwed && !(await isWhereItStarts(world, { from, to }))) return false;
  await ensureParticipant(world, { upgradeId, from, to }, coordinator);
  return true;
}

/**
 * Tells one participant of ours that this process runs, once, and what its coordinator and an operator decided.
 * @param retry the request by which a stuck agent tries again, or null
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
  const coordinator = await store.tail(coordinatorId(view.context.upgradeId));
  const decided = coordinator
    ? fromCoordinator(view, viewOf<UpgradeContext>(coordinator))
    : // The files of a host are brought to a version that is committed already.
      [{ event: { type: "committed" as const }, key: "provision" }];
  if (!coordinator && !isProvision(view.context.upgradeId)) return;
  for (const { event, key } of decided) await engine.send(tail.actor, event, { key });
  if (view.state === "blocked") {
    const { upgradeId, to, late, superseded } = view.context;
    // It is stuck in a commit that a later upgrade has replaced. The mended steps come with that one.
    const isReplaced = versions.upgradeId === null && versions.agentVersion !== to;
    if (late && !superseded && isReplaced) {
      const key = `superseded@${versions.generation}`;
      world.log.info(
        { upgradeId, to, agentVersion: versions.agentVersion },
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
async function consumeRetry({ store, gate, agent, incarnation }: ParticipantWorld, retry: string) {
  gate.lift();
  const expect = { incarnation, retry };
  await store.write([{ collection: collections.agents, id: agent, expect, set: { retry: null } }]);
}

/**
 * An agent that was away for the whole of an upgrade that was turned back owes an undo all the same.
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

/** Runs beside the loop: a slow application must not keep its agent from hearing decisions. */
function setGate({ gate, log }: GateWorld, to: "open" | "shut"): void {
  void (to === "open" ? gate.open() : gate.shut()).catch((error: unknown) => {
    log.warn({ to, error: messageOf(error) }, "the gate could not be moved");
  });
}

function isAtFleetVersion({ version }: GateWorld, versions: Versions): boolean {
  return versions.upgradeId === null && versions.databaseVersion === version;
}

/**
 * Shuts the gate where the versions say so. It needs nothing but them: this host's disk may hang while its application
 * writes on.
 */
export async function shutGateIfAway(world: GateWorld): Promise<void> {
  const shut = () => {
    // An opening may be under way, so a gate that looks shut is shut too.
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

/** The versions read here may be old. The transaction of the opening decides. */
async function reconcileGate(
  world: ParticipantWorld,
  versions: Versions,
  isFree: boolean,
): Promise<void> {
  if (!isAtFleetVersion(world, versions)) return;
  const stepsVersion = await world.localJournal.stepsVersion();
  const mayOpen =
    isFree &&
    stepsVersion === world.version &&
    // The application could not write yet: writers are let in first.
    (await world.store.get(collections.fences, documentIds.writeBlock)) === undefined;
  if (mayOpen && !world.gate.isOpen) setGate(world, "open");
  if (!mayOpen && (world.gate.isOpen || world.gate.isOpening)) setGate(world, "shut");
}

/** True where another state server goes on with the upgrade, since it can read a journal that this build cannot. */
async function somebodyLeads({ store }: ParticipantWorld): Promise<boolean> {
  const lease = await store.get(collections.leases, documentIds.master);
  return Number(lease?.["expiresAt"] ?? 0) > (await store.now());
}

/**
 * Hands over to the build that wrote a journal which this build cannot read, if that build is installed here. It does so
 * once, so that two builds which cannot read each other do not take turns.
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

/** One pass. A journal that this build cannot read is left alone: the gate stays shut, and the status shows the reason. */
export async function reconcile(world: ParticipantWorld): Promise<Reconciled> {
  let versions: Versions | undefined;
  try {
    versions = await readVersions(world.store);
    if (!versions) throw noVersionError();
    return await act(world, versions);
  } catch (error) {
    // The gate's own loop shuts it: see `shutGateIfAway`.
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
  { upgradeId }: Versions,
  mine: readonly Entry[],
): Promise<void> {
  const slot = upgradeId === null ? undefined : await store.tail(coordinatorId(upgradeId));
  for (const tail of [...mine.filter((own) => !isOver(own)), ...(slot ? [slot] : [])]) {
    const error = unreadable(tail);
    if (error) throw error;
  }
}

/** Creates missing participants, sends ours their events, and opens or shuts the gate. */
async function act(world: ParticipantWorld, versions: Versions): Promise<Reconciled> {
  const { store } = world;
  await settleHostVersion(world);
  const record = await store.get(collections.agents, world.agent);
  const [owed, retry] = [record?.["owes"], (record?.["retry"] ?? null) as string | null];
  const before = await store.tails(participantPrefix(world.agent));
  await requireReadable(world, versions, before);
  let joined = false;
  if (versions.upgradeId !== null) {
    const actor = participantId(world.agent, versions.upgradeId);
    // Upgrades come one after the other. Work that is left in an earlier one comes first.
    const isNew = before.every((tail) => tail.actor !== actor && isOver(tail));
    joined = isNew && (await joinUpgrade(world, versions.upgradeId, false));
  }
  joined = (await joinOwedUndo(world, owed, before)) || joined;
  const isAtRest = versions.upgradeId === null && owed === null && before.every(isOver);
  if (isAtRest) {
    joined =
      (await follow(world, versions, before)) || (await provision(world, versions)) || joined;
  }
  const tails = joined ? await store.tails(participantPrefix(world.agent)) : before;
  const mine = tails.filter((tail) => !isFinal(tail));
  for (const tail of mine) await drive(world, tail, versions, retry);
  await reconcileGate(world, versions, mine.length === 0 && owed === null);
  // An actor at its end may still have its version to keep.
  const away = tails.every(isOver) && versions.upgradeId === null;
  const takeRetry = retry === null ? null : () => consumeRetry(world, retry);
  const stranded = away ? await returnToFleetVersion(world, versions, takeRetry) : null;
  // A participant that has only just heard of this process may still look stuck. The next pass asks it.
  const knowsThisProcess = (tail: Entry) =>
    contextOf<ParticipantContext>(tail).incarnation === world.incarnation;
  if (mine.every(knowsThisProcess)) await takeRetry?.();
  if (stranded !== null) return { blocked: stranded };
  // An agent without a part says so before the slot is free again, so that no upgrade is accepted with it.
  if (versions.upgradeId !== null && mine.length === 0) {
    return { blocked: await whyNoPart(world, versions.upgradeId) };
  }
  const parts = mine.map((tail) => ({ tail, part: contextOf<ParticipantContext>(tail) }));
  const stuck = parts.find(({ tail }) => tail.state === "blocked");
  if (stuck) return { blocked: stuck.part.reason?.message ?? "blocked" };
  const isProvisioning = parts.some(({ part }) => isProvision(part.upgradeId));
  return { blocked: null, ...(isProvisioning ? { isProvisioning } : {}) };
}
