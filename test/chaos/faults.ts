import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Document, MongoClient, MongoNetworkError } from "mongodb";
import type { Member } from "../../src/local/mongod-process.ts";
import { signalProcess } from "../../src/ports/process.ts";
import type { TestFleet } from "../support/start-fleet.ts";
import type { Direction, Network } from "./network.ts";
import type { FaultKind, FaultPlan } from "./plan.ts";

/** The means of a fault. */
export interface Scene {
  readonly fleet: TestFleet;
  readonly network: Network;
  /** By the last status that could be read: with the master gone there may be none to read. */
  readonly master: string;
  readonly peer: string;
  readonly pids: Readonly<Record<string, number>>;
}

/** Sets the fault; answers with what ends it, or null when it was refused or there was nobody to hit. */
type Fault = (scene: Scene) => Promise<(() => Promise<void>) | null>;

const over = async () => {};

/** The member's answer; null when it refuses or cannot be reached. */
async function command(member: Member, body: Document): Promise<Document | null> {
  const client = new MongoClient(member.directUrl, { serverSelectionTimeoutMS: 2_000 });
  try {
    return await client.db("admin").command(body);
  } catch (error) {
    // A member that steps down may hang up instead of answering.
    const mayHangUp = "replSetStepDown" in body && error instanceof MongoNetworkError;
    return mayHangUp ? {} : null;
  } finally {
    await client.close();
  }
}

const signalMaster =
  (signal: NodeJS.Signals): Fault =>
  async ({ pids, master }) => {
    const pid = pids[master] ?? 0;
    if (pid <= 0 || !signalProcess(pid, signal)) return null;
    return async () => {
      if (signal === "SIGSTOP") signalProcess(pid, "SIGCONT");
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
  const isDone = await reconfigure((members) => {
    removed = members.find(({ _id }) => _id === index);
    return members.filter((member) => member !== removed);
  });
  if (!removed) return null;
  const comeBack = async () => {
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      const back = await reconfigure((members) => [
        ...members.filter(({ _id }) => _id !== index),
        removed as Document,
      ]);
      if (back) return;
      await wait(500);
    }
    throw new Error("the member that was removed could not be returned");
  };
  if (isDone) return comeBack;
  // Refused, or only its answer: it belongs to the set in any case.
  await comeBack();
  return null;
};

const faults: Readonly<Record<FaultKind, Fault>> = {
  "master-killed": signalMaster("SIGKILL"),
  async "agent-restarted"({ fleet, master }) {
    const server = fleet.servers.find(({ name }) => name === master);
    if (!server) return null;
    await server.stop();
    return () => server.start();
  },
  "master-paused": signalMaster("SIGSTOP"),
  async "peer-killed"({ pids, peer }) {
    const pid = pids[peer] ?? 0;
    return pid > 0 && signalProcess(pid, "SIGKILL") ? over : null;
  },
  "primary-killed": killPrimary,
  async "primary-and-master-killed"(scene) {
    const restart = await killPrimary(scene);
    if (await signalMaster("SIGKILL")(scene)) return restart;
    await restart?.();
    return null;
  },
  async "primary-stepped-down"({ fleet }) {
    const order = { replSetStepDown: 10, secondaryCatchUpPeriodSecs: 5 };
    return (await command(await fleet.set.primary(), order)) ? over : null;
  },
  async "elections-frozen"({ fleet }) {
    const primary = await fleet.set.primary();
    for (const member of fleet.set.members) {
      if (member !== primary && !(await command(member, { replSetFreeze: 3 }))) return null;
    }
    const order = { replSetStepDown: 3, secondaryCatchUpPeriodSecs: 2, force: true };
    return (await command(primary, order)) ? over : null;
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

/** Does the fault and ends it again; `onSet` is called when it is there. False when it could not be set. */
export async function doFault(plan: FaultPlan, scene: Scene, onSet: () => void): Promise<boolean> {
  const heal = await faults[plan.kind](scene);
  if (heal === null) return false;
  try {
    onSet();
    await wait(plan.lastsMs);
  } finally {
    await heal();
  }
  return true;
}
