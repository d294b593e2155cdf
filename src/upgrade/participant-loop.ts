import type { AgentContext, AgentInput } from "../../machines/agent-context.ts";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { protocol, type Reason, type Role } from "../../machines/vocabulary.ts";
import type { Engine } from "../engine/engine.ts";
import type { Log } from "../log.ts";
import { collections, documentIds, type Entry, type Store, type Versions } from "../store/store.ts";
import { fromCoordinator } from "./derive.ts";
import type { Gate } from "./gate.ts";
import { readInbox } from "./inbox.ts";
import type { LocalJournal } from "./local-journal.ts";
import { coordinatorId, coordinatorPrefix, participantId, participantPrefix } from "./names.ts";
import { planOf, type Step } from "./steps.ts";
import { readVersions } from "./versions.ts";
import { contextOf, isFinal, viewOf } from "./views.ts";

/** What the participant's loop acts on. */
export interface ParticipantWorld {
  readonly store: Store;
  readonly engine: Engine;
  readonly gate: Gate;
  readonly agent: string;
  readonly role: Role;
  readonly incarnation: number;
  readonly version: string;
  readonly steps: readonly Step[];
  readonly cannotStart: Reason | null;
  /** True for an actor that was there before this process: its fall-back is about that one. */
  wasTakenOver(actor: string): boolean;
  readonly localJournal: LocalJournal;
  readonly log: Log;
}

/** What a pass of the loop found. */
export interface Look {
  readonly versions: Versions | undefined;
  /** Why this agent is stuck, or null. */
  readonly blocked: string | null;
}

const started = (world: ParticipantWorld, actor: string, context: AgentContext) => {
  const plan = planOf(world.steps, context.from, context.to);
  return {
    type: "started" as const,
    version: world.version,
    incarnation: world.incarnation,
    hash: plan.hash,
    schemaSteps: plan.schema.length,
    protocol,
    cannotStart: world.wasTakenOver(actor) ? world.cannotStart : null,
  };
};

async function ensureParticipant(world: ParticipantWorld, input: AgentInput): Promise<void> {
  const actor = participantId(world.agent, input.upgrade);
  await world.engine.create(actor, "agent", input, {
    owner: { kind: "pinned", agent: world.agent },
  });
}

/** Tells one participant of ours that this process runs, once, and what its coordinator decided. */
async function drive(world: ParticipantWorld, tail: Entry): Promise<void> {
  const { engine, store } = world;
  const view = viewOf<AgentContext>(tail);
  if (view.context.incarnation !== world.incarnation) {
    const key = `started@${world.incarnation}`;
    await engine.send(tail.actor, started(world, tail.actor, view.context), { key });
    return;
  }
  const coordinator = await store.tail(coordinatorId(view.context.upgrade));
  if (!coordinator) return;
  for (const { event, key } of fromCoordinator(view, viewOf<UpgradeContext>(coordinator))) {
    await engine.send(tail.actor, event, { key });
  }
  if (view.state === "blocked") {
    const retries = (await readInbox(store)).filter(
      ({ request, at }) => request.kind === "retry" && at > tail.at,
    );
    for (const { id } of retries) {
      await engine.send(tail.actor, { type: "retryRequested" }, { key: `inbox/${id}` });
    }
  }
}

/** An agent that missed an upgrade follows it: forward only, since it is committed. */
async function follow(
  world: ParticipantWorld,
  versions: Versions,
  mine: readonly Entry[],
): Promise<void> {
  const stepsVersion = await world.localJournal.stepsVersion();
  const from = stepsVersion ?? world.version;
  if (from === versions.agentVersion && world.version === versions.agentVersion) return;
  const committed = (await world.store.tails(coordinatorPrefix)).findLast(
    (tail) => tail.state === "done" && contextOf<UpgradeContext>(tail).to === versions.agentVersion,
  );
  if (!committed) return;
  const { upgrade, to } = contextOf<UpgradeContext>(committed);
  if (mine.some(({ actor }) => actor === participantId(world.agent, upgrade))) return;
  world.log.info({ upgrade, from, to }, "this agent missed an upgrade and follows it");
  await ensureParticipant(world, { agent: world.agent, role: world.role, upgrade, from, to });
}

async function tendGate(world: ParticipantWorld, versions: Versions, busy: boolean): Promise<void> {
  const stepsVersion = (await world.localJournal.stepsVersion()) ?? world.version;
  const record = await world.store.get(collections.agents, world.agent);
  const mayOpen =
    !busy &&
    versions.upgrade === null &&
    versions.databaseVersion === world.version &&
    stepsVersion === world.version &&
    record?.["owes"] === null &&
    // The application could not write yet: whoever shut writers out lets them in first.
    (await world.store.get(collections.fences, documentIds.writeBlock)) === undefined;
  if (mayOpen) await world.gate.open();
  else if (world.gate.isOpen) await world.gate.shut();
}

/** One pass: create what is missing, drive what is ours, tend the gate. */
export async function lookAround(world: ParticipantWorld): Promise<Look> {
  const { store } = world;
  const versions = await readVersions(store);
  if (!versions) return { versions, blocked: null };
  const before = await store.tails(participantPrefix(world.agent));
  if (versions.upgrade !== null) {
    const actor = participantId(world.agent, versions.upgrade);
    const coordinator = await store.tail(coordinatorId(versions.upgrade));
    if (coordinator && !before.some((tail) => tail.actor === actor)) {
      const { upgrade, from, to } = contextOf<UpgradeContext>(coordinator);
      await ensureParticipant(world, { agent: world.agent, role: world.role, upgrade, from, to });
    }
  } else if (before.every(isFinal)) {
    await follow(world, versions, before);
  }
  const mine = (await store.tails(participantPrefix(world.agent))).filter((tail) => !isFinal(tail));
  for (const tail of mine) await drive(world, tail);
  await tendGate(world, versions, mine.length > 0);
  const stuck = mine.find(({ state }) => state === "blocked");
  return {
    versions,
    blocked: stuck ? (contextOf<AgentContext>(stuck).reason?.message ?? "blocked") : null,
  };
}
