import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { createLifecycle, type Moved } from "../../../src/agent/lifecycle.ts";
import { type Runtime, runAgent } from "../../../src/agent/run-agent.ts";
import { register } from "../../../src/control/agents.ts";
import { coordinatorId } from "../../../src/control/ids.ts";
import { readVersions } from "../../../src/control/versions.ts";
import { isLockstepError, LockstepError } from "../../../src/errors.ts";
import { collections, type Store } from "../../../src/journal/store.ts";
import { afterKeeping, decide, type LauncherState } from "../../../src/launcher/decide.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { contextOf } from "../../../src/upgrade/fleet-journal.ts";
import { isRequired } from "../../../src/upgrade/protocol/master-eligibility.ts";
import type { Draw } from "../draw.ts";
import { firstVersion } from "../plan.ts";
import type { Scheduler } from "../scheduler.ts";
import { dataDocument, hasOtherSteps, type Misbehaviour } from "./data.ts";
import { createSimulatedDatabase } from "./database.ts";
import { copyName, type Disk, type Files, localJournalOn, stateFile, stepsOf } from "./disk.ts";
import { createSimulatedLeases } from "./leases.ts";
import {
  createSimulatedProcess,
  type NetworkFaults,
  type Primary,
  type SimulatedProcess,
} from "./process.ts";
import { readinessOn } from "./readiness.ts";

/** One process of an agent. */
interface Process {
  readonly simulatedProcess: SimulatedProcess;
  readonly version: string;
  runtime?: Runtime;
  open: boolean;
  hasServed: boolean;
  readyAtMs: number | null;
  /** It could not reach the database. */
  isAway: boolean;
}

/** The surroundings that all hosts share. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly draw: Draw;
  readonly networkFaults: NetworkFaults;
  readonly primary: Primary;
  /** The database itself, as nobody's process reaches it. */
  readonly store: Store;
  readonly versions: readonly string[];
  misbehaviour(to: string): Misbehaviour;
  momentIsGone(): boolean;
  /** How often the application wrote, and was told that it had. */
  readonly written: { acknowledged: number; attempted: number };
  trouble(words: string): void;
  problem(words: string): void;
  started(effect: string): Promise<void>;
  /** A readiness check begins on this host: the data is migrated, and nobody serves. */
  checkReadiness(name: string, version: string): Promise<void>;
  /** Somebody believes that this is in the journal. */
  believed(moved: Moved): void;
}

export interface Host {
  readonly name: string;
  readonly disk: Disk;
  readonly gateIsOpen: boolean;
  /** The version of the process that runs, or null. */
  readonly running: string | null;
  /** Versions that do not come up on this host. */
  readonly broken: Set<string>;
  fillDisk(isFull: boolean): void;
  /** Its application goes on writing where it should drain. */
  hangDrains(isHanging: boolean): void;
  start(version: string): void;
  kill(): void;
  killAtWrite(nth: number, before: boolean): void;
  pause(ms: number): void;
  /** Another machine takes its name: with an empty disk, or with the files of the fleet's version, and declared so. */
  replace(isFresh: boolean): Promise<void>;
  /** It never comes back. */
  leave(): void;
  /** Nothing goes wrong here any more; what copies have been through stays. */
  heal(): void;
  /** Copies that are damaged here, or were lost. */
  brokenCopies(): readonly { readonly upgradeId: string; readonly time: string }[];
  mendCopy(upgradeId: string): void;
  readonly isGone: boolean;
}

/** A host with its launcher: it starts the version wanted, again and again, by the real rules. */
export function createHost(name: string, version: string, around: Surroundings): Host {
  const { scheduler, store } = around;
  const draw = around.draw.fork(name);
  const disk: Disk = {
    ...{ wanted: version, fallback: version, stepsVersion: version, isDeclared: false },
    ...{ local: new Map(), files: new Map([[stateFile, version]]), copies: new Map() },
    ...{ lost: new Map(), tampered: new Set() },
  };
  const broken = new Set<string>();
  /** Versions that some process here was of. */
  const launched = new Set<string>();
  let [gone, diskIsFull, drainHangs, declaredFresh] = [false, false, false, false];
  let incarnations = 0;
  let current: Process | undefined;
  let launcher: LauncherState = {
    ...{ version, previous: version, failures: 0, awayEnds: 0, ready: false },
    ...{ cannotStart: null, safeMode: null },
  };

  const happened = (event: Parameters<typeof decide>[1]) => {
    if (gone) return;
    if (event.type !== "ready") launcher = afterKeeping(launcher, disk.fallback);
    const decision = decide(launcher, event);
    launcher = decision.state;
    if (decision.action.kind === "go-on") return;
    // Where the launcher gives up, whoever supervises it starts it again.
    const delayMs = decision.action.kind === "start" ? decision.action.delayMs : 2_000;
    const again = decision.action.kind === "exit";
    void scheduler.sleep(delayMs).then(() => {
      if (gone || current) return;
      if (again) launcher = { ...launcher, failures: 0, awayEnds: 0, ready: false };
      launch(launcher.version, launcher.cannotStart);
    });
  };

  const application = async (mine: Process) => {
    while (mine.simulatedProcess.isAlive && mine.open) {
      await mine.simulatedProcess.turn();
      await scheduler.sleep(1 + draw.below(20));
      await mine.simulatedProcess.turn();
      // For one that was forgotten though it was only paused, whoever forgot it answers.
      if ((await store.get(collections.agents, name))?.["forgotten"]) return;
      around.written.attempted += 1;
      await store.write([{ ...dataDocument, expect: {}, increment: { application: 1 } }]);
      around.written.acknowledged += 1;
      await mine.simulatedProcess.clock.sleep(500 + draw.below(3_000));
    }
  };

  const howItEnded = ({ readyAtMs, hasServed, isAway }: Process) => {
    const livedMs = scheduler.nowMs() - (readyAtMs ?? scheduler.nowMs());
    const isSettled = livedMs >= limits.launcherSettledMs;
    return { wanted: disk.wanted, isSettled, hasServed, isOpening: false, isAway };
  };

  const launch = (which: string, cannotStart: Reason | null) => {
    incarnations += 1;
    const incarnationAtLeast = incarnations;
    const chance = draw.fork(String(incarnations));
    const simulatedProcess = createSimulatedProcess({
      ...{ scheduler, draw: chance, networkFaults: around.networkFaults, primary: around.primary },
      rate: 0.9 + 0.2 * draw.part(),
      offsetMs: draw.below(1_000_000),
      onKilled: () => {
        if (current?.simulatedProcess !== simulatedProcess) return;
        current = undefined;
        void scheduler
          .sleep(50 + draw.below(2_000))
          .then(() =>
            happened({ type: "ended", code: null, signal: "SIGKILL", ...howItEnded(mine) }),
          );
      },
    });
    const mine: Process = {
      ...{ simulatedProcess, version: which, open: false, hasServed: false },
      ...{ readyAtMs: null, isAway: false },
    };
    current = mine;
    const end = (code: number) => {
      if (current !== mine) return;
      current = undefined;
      simulatedProcess.kill();
      happened({ type: "ended", code, signal: null, ...howItEnded(mine) });
    };
    void run(mine, which, incarnationAtLeast, cannotStart, end).catch((error: unknown) => {
      mine.isAway = mine.readyAtMs === null && isLockstepError(error, "database-unreachable");
      end(1);
    });
  };

  async function run(
    mine: Process,
    which: string,
    incarnationAtLeast: number,
    cannotStart: Reason | null,
    end: (code: number) => void,
  ): Promise<void> {
    const { simulatedProcess } = mine;
    await simulatedProcess.clock.sleep(100 + draw.below(300));
    if (broken.has(which)) return end(3);
    const mineStore = simulatedProcess.store(store);
    const files: Files = {
      write(act) {
        return simulatedProcess.write(() => {
          if (diskIsFull) throw new LockstepError("disk-full", "ENOSPC: make room there");
          return act();
        });
      },
    };
    const { kind: isWrong, host: where } = around.misbehaviour(which);
    const isOther = isWrong === "differs" && name === `a${where + 1}`;
    const isRebuilt = isWrong === "rebuilt" && launched.has(which);
    launched.add(which);
    const build = isOther || isRebuilt ? "another build" : "";
    const goWrong = async (to: string, signal: AbortSignal) => {
      await checkSteps();
      const { kind, host } = around.misbehaviour(to);
      if (name !== `a${host + 1}`) return;
      if (kind === "local-fails") throw new Error("as drawn");
      if (kind === "local-kills") simulatedProcess.kill();
      if (kind === "local-kills") await simulatedProcess.turn();
      if (kind === "local-hangs") {
        await simulatedProcess.clock.sleep(Number.MAX_SAFE_INTEGER, signal);
        signal.throwIfAborted();
      }
    };
    const steps = stepsOf({ version: which, build }, disk, files, goWrong, (words) =>
      around.problem(`${name}: ${words}`),
    );
    /** S5: a local step that runs before the commit is one that was agreed on. */
    const checkSteps = async () => {
      const upgradeId = (await readVersions(store))?.upgradeId;
      const tail = upgradeId ? await store.tail(coordinatorId(upgradeId)) : undefined;
      const known = tail && contextOf<UpgradeContext>(tail);
      if (!known || known.to !== which || !isRequired(known, name)) return;
      if (hasOtherSteps(known, name, steps)) around.problem(`S5: ${name} runs other local steps`);
    };
    const readiness = readinessOn({
      ...{ name, version: which, simulatedProcess, store: mineStore, draw },
      ...{ misbehaviour: around.misbehaviour, checkReadiness: around.checkReadiness },
    });
    const database = createSimulatedDatabase({
      ...{ store: mineStore, simulatedProcess, draw, copies: disk.copies },
      misbehaviour: () => around.misbehaviour(which),
      diskIsFull: () => diskIsFull,
      momentIsGone: around.momentIsGone,
      ...{ started: around.started, problem: around.problem },
      async checkSteps(upgradeId) {
        const tail = await store.tail(coordinatorId(upgradeId));
        const known = tail && contextOf<UpgradeContext>(tail);
        if (known && hasOtherSteps(known, name, steps)) {
          around.problem(`S5: ${name} runs other steps than agreed on`);
        }
      },
    });
    const incarnation = await register(mineStore, name, {
      ...{ role: "state-server", version: which, startable: around.versions, incarnationAtLeast },
      ...{ freeBytes: 1, backups: [], memberTrouble: null, host: name, pid: 0, starting: true },
    });
    const lifecycle = createLifecycle((error) => around.problem(String(error)));
    lifecycle.on("transition", around.believed);
    lifecycle.on("trouble", ({ code, message }) => around.trouble(`${name}: ${code}: ${message}`));
    let drained: Promise<void> = Promise.resolve();
    mine.runtime = await runAgent(
      {
        ...{ agent: name, role: "state-server", version: which, incarnation },
        steps,
        gate: {
          onOpen: () => {
            const found = disk.files.get(stateFile);
            if (found !== which) around.problem(`${name}: ${which} opens on files of ${found}`);
            [mine.open, mine.hasServed] = [true, true];
            drained = application(mine);
          },
          onShut: async () => {
            if (drainHangs) await new Promise(() => {});
            mine.open = false;
            await drained;
          },
        },
        readiness,
        readinessTimeoutMs: 10_000,
        ...{ dataDirectory: name, startable: around.versions, cannotStart, fresh: declaredFresh },
        ...{ preventForeignWrites: false, leaseTtlMs: 3_000, appName: `${name}:${incarnation}` },
        lifecycle,
        exit: end,
        ...{ drainTimeoutMs: 8_000, safeMode: launcher.safeMode },
        ...{ reportDraining: async () => {}, reportOpening: async () => {} },
        ...{ reportDrained() {}, onStartableVersions: () => () => {} },
        reportReady() {
          mine.readyAtMs = scheduler.nowMs();
          happened({ type: "ready" });
        },
        async writeWantedVersion(wanted) {
          await files.write(() => {
            disk.wanted = wanted;
          });
        },
        async writeDefaultVersion(kept) {
          if (disk.fallback === kept) return;
          await files.write(() => {
            disk.fallback = kept;
          });
        },
      },
      {
        store: {
          ...mineStore,
          append(entries, writes) {
            const foreign = entries.filter(
              ({ owner }) => owner.kind === "pinned" && owner.agent !== name,
            );
            for (const { actor } of foreign) around.problem(`S13: ${name} appends to ${actor}`);
            return mineStore.append(entries, writes);
          },
        },
        leases: simulatedProcess.leases(createSimulatedLeases(store)),
        endPredecessor: async () => 0,
        database,
        localJournal: localJournalOn(disk, files, simulatedProcess, scheduler),
        clock: simulatedProcess.clock,
        random: { hex: draw.hex },
        faultPoints: noFaults,
        log: silentLog,
        close: async () => {},
      },
    );
  }

  return {
    name,
    disk,
    broken,
    get gateIsOpen() {
      return current?.open ?? false;
    },
    get running() {
      return current?.version ?? null;
    },
    fillDisk(isFull) {
      diskIsFull = isFull;
    },
    hangDrains(isHanging) {
      drainHangs = isHanging;
    },
    get isGone() {
      return gone;
    },
    start(which) {
      launcher = { ...launcher, version: which, previous: which };
      launch(which, null);
    },
    kill: () => current?.simulatedProcess.kill(),
    killAtWrite: (nth, before) => current?.simulatedProcess.killAtWrite(nth, before),
    pause(ms) {
      const simulatedProcess = current?.simulatedProcess;
      simulatedProcess?.pause();
      void scheduler.sleep(ms).then(() => simulatedProcess?.resume());
    },
    heal() {
      broken.clear();
      [diskIsFull, drainHangs] = [false, false];
      // Its operator asks it to serve again.
      launcher = { ...launcher, safeMode: null };
      current?.runtime?.gate.lift();
      current?.simulatedProcess.killAtWrite(0, false);
      current?.simulatedProcess.resume();
    },
    brokenCopies: () =>
      [
        ...[...disk.copies].filter(([, { damaged }]) => damaged),
        ...[...disk.lost].filter(([id]) => !disk.copies.has(id)),
      ].map(([upgradeId, { time }]) => ({ upgradeId, time })),
    mendCopy(upgradeId) {
      const copy = disk.copies.get(upgradeId) ?? disk.lost.get(upgradeId);
      if (copy) disk.copies.set(upgradeId, { ...copy, damaged: false });
    },
    async replace(isFresh) {
      const version = (await readVersions(store))?.agentVersion ?? launcher.version;
      for (const [id, copy] of disk.copies) {
        disk.tampered.add(copyName(id, copy.time));
        disk.lost.set(id, copy);
      }
      disk.copies.clear();
      disk.local.clear();
      const unknown = { stepsVersion: undefined, isDeclared: false };
      Object.assign(disk, { wanted: version, fallback: version, ...unknown });
      disk.files.set(stateFile, isFresh ? version : firstVersion);
      declaredFresh = isFresh;
      launcher = { ...launcher, version, previous: version, cannotStart: null };
      current?.simulatedProcess.kill();
    },
    leave() {
      gone = true;
      current?.simulatedProcess.kill();
      current = undefined;
    },
  };
}
