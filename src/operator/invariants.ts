import { valid } from "semver";
import { agentInvariants, upgradeInvariants } from "../../machines/invariants.ts";
import type { ParticipantContext } from "../../machines/participant-context.ts";
import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import { coordinatorId, coordinatorPrefix } from "../control/ids.ts";
import { inTransition } from "../control/versions.ts";
import type { Entry, Versions } from "../journal/store.ts";
import { contextOf, isFinal, unreadable } from "../upgrade/fleet-journal.ts";
import type { FleetFacts } from "./fleet-facts.ts";

type Broken = readonly string[];

/** S11 and S4: revisions have no gap, each key counts once, and epochs never fall. */
function journalInvariants(actor: string, entries: readonly Entry[]): Broken {
  const keys = entries.flatMap(({ eventKey }) => eventKey ?? []);
  const revisions = entries.map(({ revision }) => revision);
  const rules: readonly (readonly [string, boolean])[] = [
    [
      `S11: revisions have no gaps (${revisions.join()})`,
      revisions.every((revision, index) => revision === index),
    ],
    ["S11: each event counts once", new Set(keys).size === keys.length],
    [
      "S4: no older epoch follows",
      entries.every(({ epoch }, index) => epoch >= (entries[index - 1]?.epoch ?? 0)),
    ],
  ];
  return rules.filter(([, holds]) => !holds).map(([name]) => `${actor}: ${name}`);
}

/** The broken invariants of each machine from one state to the next, over the whole journal. */
export function machineInvariants(actor: string, entries: readonly Entry[]): Broken {
  return entries.slice(1).flatMap((entry, index) => {
    const before = entries[index];
    if (before === undefined) return [];
    const error = unreadable(entry) ?? unreadable(before);
    // The unreadable entry itself is reported once.
    if (error) return unreadable(entry) ? [error.message] : [];
    const broken =
      entry.machine === "upgrade"
        ? upgradeInvariants(
            { state: before.state, context: contextOf<UpgradeContext>(before) },
            { state: entry.state, context: contextOf<UpgradeContext>(entry) },
          )
        : agentInvariants(
            { state: before.state, context: contextOf<ParticipantContext>(before) },
            { state: entry.state, context: contextOf<ParticipantContext>(entry) },
            entry.event.type,
          );
    return broken.map((name) => `${actor}@${entry.revision}: ${name}`);
  });
}

/** S3: at most one upgrade is active, and the slot names it. */
function slotInvariants(
  versions: Versions | undefined,
  coordinators: readonly (readonly [string, Entry])[],
): Broken {
  const active = coordinators.filter(([, tail]) => !isFinal(tail)).map(([actor]) => actor);
  const upgradeId = versions?.upgradeId ?? null;
  const expected = upgradeId === null ? [] : [coordinatorId(upgradeId)];
  return active.join() === expected.join()
    ? []
    : [`S3: the slot names ${upgradeId ?? "no upgrade"}, under way: ${active.join() || "none"}`];
}

/** S8: without an active upgrade the database's version equals the agents'; with one it is in transition. */
export function versionInvariants(versions: Versions | undefined, tail: Entry | undefined): Broken {
  if (versions === undefined) return [];
  const { agentVersion, databaseVersion, upgradeId } = versions;
  if (upgradeId === null) {
    const holds = valid(databaseVersion) !== null && databaseVersion === agentVersion;
    return holds ? [] : [`S8: at rest on ${agentVersion}, the database on ${databaseVersion}`];
  }
  if (tail === undefined) return [`S8: ${upgradeId} holds the slot and has no journal`];
  if (unreadable(tail)) return [];
  const { from, to } = contextOf<UpgradeContext>(tail);
  const back = tail.state === "rolling-back" || tail.state === "blocked";
  const holds =
    databaseVersion === inTransition(from, to, upgradeId) && agentVersion === (back ? from : to);
  return holds
    ? []
    : [`S8: in ${tail.state}, the agents' ${agentVersion}, the database's ${databaseVersion}`];
}

/** The agents whose gate may be open: S1 at rest, S2 in transition. */
function gateInvariants(facts: FleetFacts, tail: Entry | undefined): Broken {
  const { versions, agents } = facts;
  const open = agents.filter(({ gate }) => gate === "open");
  if (versions === undefined) return open.map(({ agent }) => `S1: ${agent} open, no version`);
  if (versions.upgradeId === null) {
    return (
      open
        // An agent that was away may have its gate open when its debt is written. The debt only keeps the gate from
        // opening again.
        .filter(({ version }) => version !== versions.databaseVersion)
        .map(({ agent, version }) => `S1: ${agent} open on ${version}`)
    );
  }
  if (tail === undefined || tail.state === "waiting" || unreadable(tail)) return [];
  // An agent that was ready had shut its gate. After a roll-back from `waiting`, the others may not know of the
  // upgrade yet.
  const { ready, required } = contextOf<UpgradeContext>(tail);
  const shut = new Set(required.filter(({ agent }) => ready[agent]).map(({ agent }) => agent));
  return open.filter(({ agent }) => shut.has(agent)).map(({ agent }) => `S2: ${agent} open`);
}

/** S13: only its own agent runs a pinned actor, at the agent's incarnation. */
function pinnedInvariants(facts: FleetFacts): Broken {
  return Object.entries(facts.journals).flatMap(([actor, entries]) => {
    const tail = entries.at(-1);
    if (!tail || unreadable(tail) || tail.owner.kind !== "pinned") return [];
    const { agent } = tail.owner;
    const record = facts.agents.find((candidate) => candidate.agent === agent);
    const holds = record === undefined || tail.epoch <= record.incarnation;
    return holds ? [] : [`S13: ${actor} in epoch ${tail.epoch}, ${agent} in ${record.incarnation}`];
  });
}

/**
 * Checks what holds of a whole fleet at every moment (S1–S4, S8, S11 and S13 of docs/verification.md, and the invariants of each machine
 * over its whole journal). Pure.
 * @returns the broken invariants by name and place; empty when all of them hold
 */
export function fleetInvariants(facts: FleetFacts): Broken {
  const journals = Object.entries(facts.journals);
  const coordinators = journals.flatMap(([actor, entries]) => {
    const tail = entries.at(-1);
    return tail && actor.startsWith(coordinatorPrefix) ? [[actor, tail] as const] : [];
  });
  const current = facts.versions?.upgradeId;
  const tail = current ? facts.journals[coordinatorId(current)]?.at(-1) : undefined;
  const beyond = coordinators.filter(([, { epoch }]) => epoch > facts.fenceEpoch);
  return [
    ...journals.flatMap(([actor, entries]) => journalInvariants(actor, entries)),
    ...journals.flatMap(([actor, entries]) => machineInvariants(actor, entries)),
    ...slotInvariants(facts.versions, coordinators),
    ...versionInvariants(facts.versions, tail),
    ...gateInvariants(facts, tail),
    ...pinnedInvariants(facts),
    ...beyond.map(([actor, { epoch }]) => `S4: ${actor} in epoch ${epoch}, beyond the fence`),
  ];
}
