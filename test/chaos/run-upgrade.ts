import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../../src/errors.ts";
import { type Catalogue, differences, readCatalogue } from "../../src/mongo/catalogue/catalogue.ts";
import { signalProcess } from "../../src/ports/process.ts";
import type { TestFleet } from "../support/start-fleet.ts";
import { doFault } from "./faults.ts";
import { comesTo, endWithinMs, type Looking, type Stage, startLooking } from "./looking.ts";
import { abort, type PauseEnd, pause, pauseEnd } from "./operator.ts";
import { type UpgradePlan, wrongBuilds } from "./plan.ts";

/** Short, so that a lost cause is told soon; none is met by an upgrade that nobody disturbs or leaves in a pause. */
const deadlines = {
  waitingMs: 60_000,
  backingUpMs: 60_000,
  noProgressMs: 45_000,
  pausedMs: 60_000,
  peersMs: 60_000,
  rollingBackMs: 90_000,
};

/** Against whom a takeover is measured: when the master was lost, in which epoch it ruled. */
export interface MasterLost {
  readonly upgradeId: string;
  readonly epoch: number;
  readonly at: number;
}

/** The outcome of one upgrade. */
export interface UpgradeResult {
  readonly upgradeId: string;
  readonly end: string;
  readonly faults: readonly string[];
  /** Faults that could not be set: a command that was refused, a process that had just ended. */
  readonly missed: readonly string[];
  readonly mastersLost: readonly MasterLost[];
  /** How often the whole fleet was checked while it was under way. */
  readonly checks: number;
  /** Why it turned back, or null. */
  readonly reason: string | null;
  readonly pause: PauseEnd["word"];
}

/** A launcher with nothing left to start ends: whoever supervises it decides. Here that is us. */
async function supervise({ fleet, say }: Stage): Promise<void> {
  for (const server of fleet.servers) {
    if (signalProcess(server.pid, 0)) continue;
    say(`  the launcher of ${server.name} has ended: started again`);
    await server.start();
  }
}

async function setFaults(stage: Stage, plan: UpgradePlan, looking: Looking, upgradeId: string) {
  const faults: string[] = [];
  const missed: string[] = [];
  const mastersLost: MasterLost[] = [];
  for (const fault of plan.faults) {
    if (!(await comesTo(looking, upgradeId, fault.moment, () => supervise(stage)))) break;
    const { master, agents, upgrade: now } = looking.last();
    const name = master?.agent ?? "a1";
    const scene = {
      fleet: stage.fleet,
      network: stage.network,
      master: name,
      peer: agents.find(({ agent }) => agent !== name)?.agent ?? "a2",
      pids: Object.fromEntries(agents.map(({ agent, pid }) => [agent, pid])),
    };
    const isSet = await doFault(fault, scene, () => {
      stage.say(`  ${fault.kind} (${name} is master) in ${now?.state} for ${fault.lastsMs} ms`);
      faults.push(fault.kind);
      const lost = ["master-killed", "primary-and-master-killed", "master-cut-off"];
      if ([...lost, "primary-and-master-cut-off"].includes(fault.kind) && master) {
        mastersLost.push({ upgradeId, epoch: master.epoch, at: Date.now() });
      }
    });
    if (!isSet) {
      stage.say(`  ${fault.kind} could not be set in ${now?.state}`);
      missed.push(fault.kind);
    }
  }
  return { faults, missed, mastersLost };
}

/** Resolves when it has ended and everybody serves. */
async function waitForEnd(stage: Stage, upgradeId: string): Promise<string> {
  const { fleet } = stage;
  const end = performance.now() + endWithinMs;
  let seen = "nothing could be read";
  while (performance.now() < end) {
    await supervise(stage);
    const status = await fleet.fleet.status().catch((error: unknown) => {
      seen = messageOf(error);
      return null;
    });
    if (status) {
      seen = JSON.stringify(status);
      const { upgrade: now, agents } = status;
      const open = agents.filter(({ gate, version }) => {
        return gate === "open" && version === status.versions.agentVersion;
      });
      if (now?.upgradeId === upgradeId && now.final && open.length === 3) return now.state;
      if (now?.upgradeId === upgradeId && now.state === "blocked") {
        await fleet.fleet.request({ kind: "retry", discardForeignWrites: true }).catch(() => {});
      }
    }
    await wait(150);
  }
  throw new Error(`no end within ${endWithinMs} ms: ${seen}`);
}

/** The contents of the agents' files: null where there is none. */
export function localFiles(fleet: TestFleet): Promise<readonly (string | null)[]> {
  return Promise.all(
    fleet.servers.map(({ name }) =>
      readFile(join(fleet.directoryOf(name), "state.txt"), "utf8").catch(() => null),
    ),
  );
}

const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);

interface Before {
  readonly items: unknown;
  readonly catalogue: Catalogue;
  readonly files: readonly (string | null)[];
  readonly version: string;
}

/** The documents that steps change; the orders grow as long as gates are open. */
async function itemsOf({ client }: TestFleet): Promise<unknown> {
  return (await client.db().command({ dbHash: 1, collections: ["items"] }))["collections"];
}

/** Orders that the application was told to be safe, and that are not there. */
async function ordersLost({ client, holds, servers }: TestFleet): Promise<number> {
  let lost = 0;
  for (const { name } of servers) {
    const text = await readFile(join(holds, `acknowledged.${name}`), "utf8").catch(() => "");
    // The last line may be half written where its process was killed.
    const ids = text.split("\n").slice(0, -1);
    const filter = { _id: { $in: ids } };
    lost +=
      ids.length - (await client.db().collection<{ _id: string }>("orders").countDocuments(filter));
  }
  return lost;
}

/** Why a good upgrade never turns back, whatever is done to its processes, its network and its disks. */
const ownFaults = [
  ...["step-failed", "steps-differ", "schema-conflict", "step-not-deterministic"],
  // Nobody writes from outside: it would be one of ours, its gate open.
  ...["foreign-writes", "unexpected", "invariant-broken"],
  // The rehearsal's: it has a database of its own.
  "restore-failed",
];

/** A catalogue without the indexes that the steps add. */
const withoutSteps = ({ collections }: Catalogue): Catalogue => ({
  collections: collections.map((entry) =>
    entry.name === "items" ? { ...entry, indexes: [] } : entry,
  ),
});

/** Databases that an upgrade has left behind. */
async function databasesLeft({ client }: TestFleet): Promise<readonly string[]> {
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true });
  const known = ["admin", "config", "local", "things", "lockstep", "lockstep_things"];
  return databases.map(({ name }) => name).filter((name) => !known.includes(name));
}

/** Checks everything that must hold after an upgrade, and throws with all that does not. Answers with the reason of a roll-back, and what came of a pause. */
async function inspect(
  fleet: TestFleet,
  plan: UpgradePlan,
  end: string,
  before: Before,
  meanwhile: readonly string[],
): Promise<Pick<UpgradeResult, "reason" | "pause">> {
  const wrong: string[] = [...meanwhile, ...(await fleet.fleet.check())];
  const files = await localFiles(fleet);
  const { versions, upgrade } = await fleet.fleet.status();
  const lost = await ordersLost(fleet);
  if (lost > 0) wrong.push(`${lost} acknowledged orders are gone`);
  const { code = "", message } = upgrade?.reason ?? {};
  const isOwnFault = ownFaults.includes(code) && plan.kind === "good";
  if (isOwnFault || code === "foreign-writes") wrong.push(`turned back: ${code}: ${message}`);
  const way = (await fleet.fleet.history()).find((past) => past.upgradeId === upgrade?.upgradeId);
  const paused = pauseEnd(plan.pause, way ?? { states: [], reason: null });
  wrong.push(...paused.wrong);
  wrong.push(...(await databasesLeft(fleet)).map((name) => `the database ${name} is left`));
  const catalogue = await readCatalogue(fleet.client, "things");
  if (end === "done") {
    if (plan.kind !== "good" && plan.kind !== "aborted") wrong.push(`done with: ${plan.kind}`);
    for (let number = 1; number <= plan.number; number += 1) {
      const touched = await fleet.touched(number);
      if (!same(touched, [1])) wrong.push(`step ${number} touched ${JSON.stringify(touched)}`);
    }
    wrong.push(
      ...differences(withoutSteps(before.catalogue), withoutSteps(catalogue), {
        ignoreUuid: false,
      }),
    );
    if (files.some((text) => text !== versions.agentVersion)) wrong.push(`files: ${files.join()}`);
    const indexes = await fleet.client.db().collection("items").indexes();
    const expected = [
      "_id_",
      ...Array.from({ length: plan.number }, (_, n) => `by-touched${n + 1}`),
    ];
    const found = indexes.map(({ name }) => name ?? "");
    if (!same(found.toSorted(), expected.toSorted())) wrong.push(`indexes: ${found.join()}`);
  } else {
    if (!same(await itemsOf(fleet), before.items)) wrong.push("the data is not as before");
    wrong.push(...differences(before.catalogue, catalogue, { ignoreUuid: true }));
    if (!same(files, before.files))
      wrong.push(`files: ${files.join()}, not ${before.files.join()}`);
    if (versions.agentVersion !== before.version) wrong.push(`version ${versions.agentVersion}`);
  }
  if (wrong.length > 0) throw new Error(`${end}, and broken: ${wrong.join("; ")}`);
  return { reason: upgrade?.reason?.code ?? null, pause: paused.word };
}

/** One upgrade with what the plan has in store for it, until everybody serves again and all is proven. */
export async function runUpgrade(stage: Stage, plan: UpgradePlan): Promise<UpgradeResult> {
  const { fleet } = stage;
  const first = await fleet.fleet.status();
  const before = {
    items: await itemsOf(fleet),
    catalogue: await readCatalogue(fleet.client, "things"),
    files: await localFiles(fleet),
    version: first.versions.agentVersion,
  };
  const patch = plan.kind === "good" || plan.kind === "aborted" ? 0 : wrongBuilds[plan.kind];
  const pausedMs = plan.pause?.kind === "left" ? plan.pause.lastsMs : deadlines.pausedMs;
  const { upgradeId } = await fleet.fleet.upgrade(`1.${plan.number}.${patch}`, {
    deadlines: { ...deadlines, pausedMs },
  });
  const looking = startLooking(stage, first);
  try {
    const aborting = plan.abortAt ? abort(stage, looking, upgradeId, plan.abortAt) : null;
    const pausing = plan.pause ? pause(stage, looking, upgradeId, plan.pause) : null;
    const happened = await setFaults(stage, plan, looking, upgradeId);
    await Promise.all([aborting, pausing]);
    const end = await waitForEnd(stage, upgradeId);
    const found = await inspect(fleet, plan, end, before, looking.broken);
    return { upgradeId, end, ...found, checks: looking.checks(), ...happened };
  } finally {
    await looking.stop();
  }
}
