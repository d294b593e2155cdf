import { valid } from "semver";
import type { AgentEvent } from "../../machines/participant-context.ts";
import { deadlineTimer, type UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Moved } from "../../src/agent/lifecycle.ts";
import { readAgents } from "../../src/control/agents.ts";
import { coordinatorId, participantId } from "../../src/control/ids.ts";
import { readVersions } from "../../src/control/versions.ts";
import {
  collections,
  documentIds,
  type Entry,
  type Store,
  type Versions,
  type Write,
} from "../../src/journal/store.ts";
import type { FleetFacts } from "../../src/operator/fleet-facts.ts";
import {
  fleetInvariants,
  machineInvariants,
  versionInvariants,
} from "../../src/operator/invariants.ts";
import { contextOf } from "../../src/upgrade/fleet-journal.ts";
import { firstVersion } from "./plan.ts";
import { batchesBetween, dataDocument, lookDocument, readData } from "./simulated/data.ts";

/** The events that give more time within a state, each so often at most: a batch, another time T, another holder's copy, a pause that was withdrawn. */
const rearming = ["progressSeen", "copyReported", "copyLost", "migrationPaused"];

/** The invariants that every transition must keep, as it is journalled. */
function brokenBy(before: Entry | undefined, entry: Entry): string[] {
  if (before === undefined) return [];
  const broken = [...machineInvariants(entry.actor, [before, entry])];
  if (entry.epoch < before.epoch) broken.push(`${entry.actor}: S4: an older epoch follows`);
  // Within a state the coordinator's decisions may set a deadline anew, also to wait for more.
  const isQuiet =
    entry.outcome !== "applied" ||
    (before.state === entry.state && !rearming.includes(entry.event.type));
  // An agent that becomes silent gets a deadline, once.
  const known = new Map(before.timers.map(({ id, dueAt }) => [id, dueAt]));
  const silences = new Set(before.timers.map(({ name }) => name));
  for (const { id, name, dueAt } of entry.timers) {
    const isNew = name === deadlineTimer ? isQuiet : entry.event.type !== "participantSilent";
    if (
      known.has(id)
        ? known.get(id) !== dueAt
        : isNew || (name !== deadlineTimer && silences.has(name))
    ) {
      broken.push(`${entry.actor}: L2: a deadline was moved by nobody's decision`);
    }
  }
  return broken;
}

const forward = ["backing-up", "rehearsing", "migrating", "paused", "awaiting-peers"];
const back = ["rolling-back", "blocked"];

/** S2: from the copies on, and on the way back from there: before, some may not have been told. */
function isShutIn(entry: Entry): boolean {
  if (forward.includes(entry.state)) return true;
  return back.includes(entry.state) && contextOf<UpgradeContext>(entry).backup !== null;
}

/** The simulation's view of the whole fleet, which no process in it has. */
export interface Watched {
  readonly store: Store;
  readonly tails: ReadonlyMap<string, Entry>;
  coordinator(): Promise<Entry | undefined>;
  /** An agent believes that this is in the journal. */
  believed(moved: Moved): Promise<void>;
  /** An effect has started. */
  started(effect: string): Promise<void>;
}

/** A store that looks at the whole fleet after each write, and tells what is broken. */
export function watchStore(
  memory: Store,
  options: {
    problem(words: string): void;
    /** Called for each entry, with the actor's one before. */
    onEntry(entry: Entry, before: Entry | undefined): void;
    /** How many hosts hold this very data, as of this moment. */
    holders(upgradeId: string, time: string): number;
    /** Hosts whose application runs. */
    openHosts(): readonly string[];
  },
): Watched {
  const { problem } = options;
  const tails = new Map<string, Entry>();
  let versions: Versions | undefined;
  const coordinator = async () => {
    const now = await readVersions(memory);
    return now?.upgradeId ? tails.get(coordinatorId(now.upgradeId)) : undefined;
  };
  const fenceEpoch = async () =>
    Number((await memory.get(collections.fences, documentIds.master))?.["epoch"] ?? 0);
  const countsOf = (counts: object) => JSON.stringify(Object.entries(counts).toSorted());
  const dataIsOf = async (version: string, when: string) => {
    const { applied } = await readData(memory);
    const expected = Object.fromEntries(batchesBetween(firstVersion, version).map((b) => [b, 1]));
    if (countsOf(applied) !== countsOf(expected)) {
      problem(`S9: ${when} on ${version} the data has ${countsOf(applied)}`);
    }
  };

  /** Leaves out hosts that an operator has forgotten though they were only paused: that is the operator's fault. */
  const openHosts = async () => {
    const forgotten = (await memory.list(collections.agents)).filter(
      (record) => record["forgotten"],
    );
    const names = new Set(forgotten.map(({ _id }) => _id));
    return options.openHosts().filter((name) => !names.has(name));
  };

  /** S5: what everybody was ready with, as each has said itself. */
  const checkReady = async ({ upgradeId, required, ready }: UpgradeContext) => {
    const plans = new Set<string>();
    for (const { agent } of required) {
      const { incarnation, hash, protocol } = ready[agent] ?? {};
      const said = (await memory.entries(participantId(agent, upgradeId))).some(({ event }) => {
        const started = event as AgentEvent;
        return (
          started.type === "started" &&
          started.incarnation === incarnation &&
          started.hash === hash &&
          started.protocol === protocol
        );
      });
      if (!said) problem(`S5: ${agent} never said that it was ready so: ${hash}`);
      plans.add(`${hash}/${protocol}`);
    }
    if (plans.size > 1) problem(`S5: ready with ${plans.size} different plans`);
  };

  /** S1, S2, S4, S5, S6, S7, S9 as far as one entry can break them. */
  const checkEntry = async (entry: Entry) => {
    const before = tails.get(entry.actor);
    for (const words of brokenBy(before, entry)) problem(words);
    if (entry.owner.kind === "role" && (await fenceEpoch()) !== entry.epoch) {
      problem(`S4: ${entry.actor}@${entry.revision} of ${entry.epoch} is not the fence's epoch`);
    }
    if (entry.machine !== "upgrade") return;
    const { upgradeId, from, to, backup, required } = contextOf<UpgradeContext>(entry);
    const open = isShutIn(entry) ? await openHosts() : [];
    if (open.length > 0) {
      problem(`S2: ${open.join()} open in ${entry.state}`);
    }
    if (before?.state === entry.state) return;
    if (before?.state === "waiting" && forward.includes(entry.state)) {
      await checkReady(contextOf<UpgradeContext>(entry));
    }
    if (entry.state === "migrating" && backup !== null) {
      const holders = options.holders(upgradeId, backup.time);
      if (holders < Math.min(2, required.length)) problem(`S6: ${holders} hold a copy`);
    }
    if (entry.state === "done") {
      await dataIsOf(to, "done");
      for (const { agent } of required) {
        const vote = tails.get(participantId(agent, upgradeId));
        if (vote?.state !== "awaiting-peers") problem(`S12: done, and ${agent} in ${vote?.state}`);
      }
    }
    if (entry.state === "rolled-back") await dataIsOf(from, "rolled back");
  };

  /** Checks the fleet's invariants on the whole fleet, leaving out journals that have ended. */
  const checkFleet = async () => {
    const current = (await readVersions(memory))?.upgradeId;
    const facts: FleetFacts = {
      versions: await readVersions(memory),
      agents: await readAgents(memory),
      journals: Object.fromEntries(
        await Promise.all(
          [...tails.values()]
            .filter(({ actor, status }) => status === "active" || actor.endsWith(`/${current}`))
            .map(async ({ actor }) => [actor, await memory.entries(actor)] as const),
        ),
      ),
      fenceEpoch: await fenceEpoch(),
    };
    for (const words of fleetInvariants(facts)) problem(words);
  };

  /** S8: one of four transactions, or nothing. */
  const checkVersions = async (writes: readonly Write[], entries: readonly Entry[]) => {
    const now = await readVersions(memory);
    if (now === undefined) return;
    const { agentVersion, databaseVersion, upgradeId } = now;
    const isAsBefore =
      agentVersion === versions?.agentVersion &&
      databaseVersion === versions.databaseVersion &&
      upgradeId === versions.upgradeId;
    const isFirst = versions === undefined;
    versions = now;
    if (isAsBefore || isFirst) return;
    const moved = entries.some(({ machine }) => machine === "upgrade");
    if (!moved) problem(`S8: versions changed by ${writes.map(({ collection }) => collection)}`);
    const tail = upgradeId === null ? undefined : tails.get(coordinatorId(upgradeId));
    for (const words of versionInvariants(now, tail)) problem(words);
    // Not by `inTransition` alone: while an upgrade is under way no version stands there.
    if (upgradeId !== null && valid(databaseVersion) !== null) {
      problem(`S8: ${upgradeId} is under way, and the database is of ${databaseVersion}`);
    }
  };

  /** A batch may still land once the way back is decided, but not once somebody restores. */
  const mayMigrate = async () => {
    const tail = await coordinator();
    const fence = await memory.get(collections.fences, documentIds.master);
    const restoring = (fence?.["restore"] as { upgradeId?: string } | undefined)?.upgradeId;
    const { upgradeId, restored } = tail ? contextOf<UpgradeContext>(tail) : {};
    if (tail?.state === "rolling-back") return !restored && restoring !== upgradeId;
    return tail?.state === "migrating";
  };

  /** How much had been written from outside when a master last looked for it. */
  let foreignBefore = 0;
  /** That is taken back only when an operator says so. */
  const checkForeign = (left: number, tail: Entry | undefined) => {
    const isAccepted = tail && contextOf<UpgradeContext>(tail).foreignWritesAccepted;
    if (left < foreignBefore && !isAccepted) problem("S9: foreign writes were taken back");
  };

  /** S1: whoever opens its gate is on the database's version and owes nothing. S7: see the data. */
  const checkWrites = async (writes: readonly Write[]) => {
    const now = await readVersions(memory);
    for (const { collection, id, expect, set = {}, increment = {} } of writes) {
      if (collection === collections.agents && set["gate"] === "open") {
        const record = await memory.get(collection, id);
        const right =
          now?.upgradeId === null &&
          record?.["version"] === now.databaseVersion &&
          record["owes"] === null;
        if (!right) problem(`S1: ${id} opens: ${JSON.stringify(record)}, ${JSON.stringify(now)}`);
      }
      if (collection === collections.fences && "progress" in set) {
        const state = (await coordinator())?.state;
        if (state === "paused") problem("S4: the steps went on in paused");
      }
      // A restore takes back nothing that was there when its master last looked.
      if (id === lookDocument.id) foreignBefore = (await readData(memory)).foreign;
      if (id !== dataDocument.id || expect === null) continue;
      const tail = await coordinator();
      const state = tail?.state;
      const isBatch = Object.keys(increment).some((path) => path.startsWith("applied."));
      if ("application" in increment && tail !== undefined && isShutIn(tail)) {
        problem(`S2: an application writes in ${state}`);
      }
      if (isBatch && !(await mayMigrate())) problem(`S4: a batch took effect in ${state}`);
      if ("applied" in set && state !== "rolling-back") problem(`S4: data restored in ${state}`);
      if ("applied" in set) checkForeign(Number(set["foreign"]), tail);
      const { applied } = await readData(memory);
      const twice = Object.entries(applied).filter(([, count]) => count > 1);
      if (twice.length > 0) problem(`S7: applied more than once: ${JSON.stringify(twice)}`);
    }
  };

  let queue: Promise<unknown> = Promise.resolve();
  /** A write and what is looked at after it: nobody else writes between. */
  const alone = <Result>(act: () => Promise<Result>): Promise<Result> => {
    const result = queue.then(act);
    queue = result.catch(() => {});
    return result;
  };

  return {
    tails,
    coordinator,
    store: {
      ...memory,
      append: (entries, writes = []) =>
        alone(async () => {
          const results = await memory.append(entries, writes);
          const appended = entries.filter((_, index) => results[index]?.kind === "appended");
          let moved = false;
          for (const entry of appended) {
            await checkEntry(entry);
            const before = tails.get(entry.actor);
            moved ||= entry.machine === "upgrade" && before?.state !== entry.state;
            tails.set(entry.actor, entry);
            options.onEntry(entry, before);
          }
          if (moved) await checkFleet();
          if (writes.length > 0 && appended.length > 0) {
            await checkVersions(writes, appended);
            await checkWrites(writes);
          }
          return results;
        }),
      write: (writes) =>
        alone(async () => {
          const refused = await memory.write(writes);
          if (refused !== null) return refused;
          await checkVersions(writes, []);
          await checkWrites(writes);
          return null;
        }),
    },
    async believed({ actor, revision, event, state, epoch }) {
      const found = (await memory.entries(actor, revision))[0];
      const isThere = found?.event.type === event && found.state === state && found.epoch === epoch;
      if (!isThere) problem(`S11: ${actor}@${revision} was told and is not there`);
    },
    async started(effect) {
      const [, actor = "", revision = "0"] = /^(.*)\/(\d+)\/\d+$/.exec(effect) ?? [];
      if ((tails.get(actor)?.revision ?? -1) < Number(revision)) {
        problem(`S4: the effect ${effect} started before its entry was durable`);
      }
    },
  };
}
