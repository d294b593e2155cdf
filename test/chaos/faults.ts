import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Document, MongoClient } from "mongodb";
import type { Member } from "../../src/local/mongod-process.ts";
import { signalProcess } from "../../src/ports/process.ts";
import type { TestFleet } from "../support/start-fleet.ts";
import type { Direction, Network } from "./network.ts";
import type { FaultKind, FaultPlan } from "./plan.ts";

/** What a fault has to do with. */
export interface Scene {
  readonly fleet: TestFleet;
  readonly network: Network;
  /** By the last status that could be read: with the master gone there may be none to read. */
  readonly master: string;
  readonly peer: string;
  readonly pids: Readonly<Record<string, number>>;
}

/** Sets the fault; answers with what ends it. */
type Fault = (scene: Scene) => Promise<() => Promise<void>>;

const over = async () => {};

async function command(member: Member, body: Document): Promise<Document | null> {
  const client = new MongoClient(member.directUrl, { serverSelectionTimeoutMS: 2_000 });
  try {
    return await client.db("admin").command(body);
  } catch {
    // One that steps down or refuses says so by an error: what became of it is looked at later.
    return null;
  } finally {
    await client.close();
  }
}

const signalMaster =
  (signal: NodeJS.Signals): Fault =>
  async ({ pids, master }) => {
    const pid = pids[master] ?? 0;
    if (pid > 0) signalProcess(pid, signal);
    return async () => {
      if (signal === "SIGSTOP" && pid > 0) signalProcess(pid, "SIGCONT");
    };
  };

const killPrimary: Fault = async ({ fleet }) => {
  const primary = await fleet.set.primary();
  await primary.kill();
  return () => primary.restart();
};

const cutOff =
  (who: readonly ("master" | "primary")[], direction: Direction): Fault =>
  async ({ fleet, network, master }) => {
    const primary = await fleet.set.primary();
    for (const name of who) network.cut(name === "master" ? master : primary.name, direction);
    return async () => network.heal();
  };

/** Takes a secondary out of the set's configuration; it comes back in the end. */
const removeMember: Fault = async ({ fleet }) => {
  const reconfigure = async (change: (members: Document[]) => Document[]) => {
    const primary = await fleet.set.primary();
    const answer = await command(primary, { replSetGetConfig: 1 });
    const config = answer?.["config"] as Document | undefined;
    if (!config) return false;
    const members = change(config["members"] as Document[]);
    const next = { ...config, members, version: Number(config["version"]) + 1 };
    return (await command(primary, { replSetReconfig: next, maxTimeMS: 5_000 })) !== null;
  };
  const primary = await fleet.set.primary();
  const index = fleet.set.members.findIndex((member) => member !== primary);
  let removed: Document | undefined;
  await reconfigure((members) => {
    removed = members.find(({ _id }) => _id === index);
    return members.filter((member) => member !== removed);
  });
  return async () => {
    for (let attempt = 1; attempt <= 20 && removed; attempt += 1) {
      const back = await reconfigure((members) => [
        ...members.filter(({ _id }) => _id !== index),
        removed as Document,
      ]);
      if (back) return;
      await wait(500);
    }
    if (removed) throw new Error("the member that was removed could not be returned");
  };
};

const faults: Readonly<Record<FaultKind, Fault>> = {
  "master-killed": signalMaster("SIGKILL"),
  async "agent-restarted"({ fleet, master }) {
    const server = fleet.servers.find(({ name }) => name === master);
    await server?.stop();
    return async () => server?.start();
  },
  "master-paused": signalMaster("SIGSTOP"),
  async "peer-killed"({ pids, peer }) {
    const pid = pids[peer] ?? 0;
    if (pid > 0) signalProcess(pid, "SIGKILL");
    return over;
  },
  "primary-killed": killPrimary,
  async "primary-and-master-killed"(scene) {
    const restart = await killPrimary(scene);
    await signalMaster("SIGKILL")(scene);
    return restart;
  },
  async "primary-stepped-down"({ fleet }) {
    await command(await fleet.set.primary(), {
      ...{ replSetStepDown: 10, secondaryCatchUpPeriodSecs: 5 },
    });
    return over;
  },
  async "elections-frozen"({ fleet }) {
    const primary = await fleet.set.primary();
    for (const member of fleet.set.members) {
      if (member !== primary) await command(member, { replSetFreeze: 3 });
    }
    await command(primary, { replSetStepDown: 3, secondaryCatchUpPeriodSecs: 2, force: true });
    return over;
  },
  async "primary-paused"({ fleet }) {
    const primary = await fleet.set.primary();
    primary.pause();
    return async () => primary.resume();
  },
  "member-removed": removeMember,
  "master-cut-off": cutOff(["master"], "both"),
  "master-unheard": cutOff(["master"], "out"),
  "master-deaf": cutOff(["master"], "in"),
  "primary-cut-off": cutOff(["primary"], "both"),
  "primary-unheard": cutOff(["primary"], "out"),
  "primary-deaf": cutOff(["primary"], "in"),
  "primary-and-master-cut-off": cutOff(["primary", "master"], "both"),
  async "links-slow"({ fleet, network }) {
    for (const { name } of fleet.set.members) network.slow(name, 40);
    return async () => network.heal();
  },
  async "disk-full"({ fleet, peer }) {
    const path = join(fleet.holds, `disk-full.${peer}`);
    await writeFile(path, "");
    return () => rm(path, { force: true });
  },
};

/** Does the fault and ends it again; `onSet` is called when it is there. */
export async function doFault(plan: FaultPlan, scene: Scene, onSet: () => void): Promise<void> {
  const heal = await faults[plan.kind](scene);
  try {
    onSet();
    await wait(plan.lastsMs);
  } finally {
    await heal();
  }
}
