import type { UpgradeContext } from "../../machines/upgrade-context.ts";
import type { Reason } from "../../machines/vocabulary.ts";
import { createLifecycle } from "../../src/agent/lifecycle.ts";
import { type Runtime, runAgent } from "../../src/agent/run-agent.ts";
import { register } from "../../src/control/agents.ts";
import { coordinatorId } from "../../src/control/names.ts";
import { readVersions } from "../../src/control/versions.ts";
import { isLockstepError, LockstepError } from "../../src/errors.ts";
import { collections, type Entry, type Store } from "../../src/journal/store.ts";
import type { CannotStart } from "../../src/launcher/agent-side.ts";
import { afterKeeping, decide, type LauncherState } from "../../src/launcher/decide.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { noFaults } from "../../src/ports/fault-point.ts";
import { isRequired } from "../../src/upgrade/protocol/eligible.ts";
import { contextOf } from "../../src/upgrade/views.ts";
import type { Draw } from "./draw.ts";
import type { Scheduler } from "./scheduler.ts";
import {
  createSimulatedDatabase,
  dataDocument,
  hasOtherSteps,
  type Misbehaviour,
} from "./simulated-data.ts";
import { type Disk, type Files, localJournalOn, stateFile, stepsOf } from "./simulated-disk.ts";
import { createSimulatedLeases } from "./simulated-leases.ts";
import {
  createSimulatedProcess,
  type NetworkFaults,
  type Primary,
  type SimulatedProcess,
} from "./simulated-process.ts";

/** One process of an agent. */
interface Process {
  readonly simulatedProcess: SimulatedProcess;
  readonly version: string;
  runtime?: Runtime;
  open: boolean;
  readyAtMs: number | null;
  /** It could not reach the database. */
  isAway: boolean;
}

/** What all hosts share. */
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
  /** Somebody believes that this is in the journal. */
  believed(entry: Entry): void;
}

export interface Host {
  readonly name: string;
  readonly disk: Disk;
  readonly gateIsOpen: boolean;
  /** The version of the process that runs, or null. */
  readonly running: string | null;
  /** Versions that do not come up on this host. */
  readonly broken: Set<string>;
  diskIsFull: boolean;
  start(version: string): void;
  kill(): void;
  killAtWrite(nth: number, before: boolean): void;
  pause(ms: number): void;
  /** It never comes back. */
  leave(): void;
  /** Nothing goes wrong here any more; what copies have been through stays. */
  heal(): void;
  /** Copies that are damaged here, or were lost. */
  brokenCopies(): readonly { readonly upgrade: string; readonly time: string }[];
  mendCopy(upgrade: string): void;
  readonly isGone: boolean;
}

/** A host with its launcher: it starts the version wanted, again and again, by the real rules. */
export function createHost(name: string, version: string, around: Surroundings): Host {
  const { scheduler, store } = around;
  const draw = around.draw.fork(name);
  const disk: Disk = {
    ...{ wanted: version, fallback: version, stepsVersion: version },
    ...{ local: new Map(), files: new Map([[stateFile, version]]), copies: new Map() },
    ...{ lost: new Map(), tampered: new Set() },
  };
  const broken = new Set<string>();
  /** Versions that some process here was of. */
  const launched = new Set<string>();
  let [gone, diskIsFull] = [false, false];
  let incarnations = 0;
  let current: Process | undefined;
  let launcher: LauncherState = {
    ...{ version, previous: version, failures: 0, aways: 0, ready: false },
    cannotStart: null,
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
      if (again) launcher = { ...launcher, failures: 0, aways: 0, ready: false };
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

  const howItEnded = ({ readyAtMs, isAway }: Process) => {
    const livedMs = scheduler.nowMs() - (readyAtMs ?? scheduler.nowMs());
    return { wanted: disk.wanted, isSettled: livedMs >= limits.launcherSettledMs, isAway };
  };

  const launch = (which: string, cannotStart: CannotStart | null) => {
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
      simulatedProcess,
      version: which,
      open: false,
      readyAtMs: null,
      isAway: false,
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
    const database = createSimulatedDatabase({
      ...{ store: mineStore, simulatedProcess, draw, copies: disk.copies },
      misbehaviour: around.misbehaviour,
      diskIsFull: () => diskIsFull,
      momentIsGone: around.momentIsGone,
      ...{ started: around.started, problem: around.problem },
    });
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
      const upgrade = (await readVersions(store))?.upgrade;
      const tail = upgrade ? await store.tail(coordinatorId(upgrade)) : undefined;
      const known = tail && contextOf<UpgradeContext>(tail);
      if (!known || known.to !== which || !isRequired(known, name)) return;
      if (hasOtherSteps(known, name, steps)) around.problem(`S5: ${name} runs other local steps`);
    };
    const incarnation = await register(mineStore, name, {
      ...{ role: "state-server", version: which, startable: around.versions, incarnationAtLeast },
      ...{ freeBytes: 1, backups: [], memberTrouble: null, host: name, pid: 0 },
    });
    const lifecycle = createLifecycle((error) => around.problem(String(error)));
    lifecycle.on("transition", ({ entry }) => around.believed(entry));
    lifecycle.on("trouble", ({ code, message }) => around.trouble(`${name}: ${code}: ${message}`));
    let drained: Promise<void> = Promise.resolve();
    mine.runtime = await runAgent(
      {
        ...{ agent: name, role: "state-server", version: which, incarnation },
        steps,
        gate: {
          onOpen: () => {
            mine.open = true;
            drained = application(mine);
          },
          onShut: async () => {
            mine.open = false;
            await drained;
          },
        },
        ...{ dataDirectory: name, startable: around.versions, cannotStart },
        ...{ preventForeignWrites: false, leaseTtlMs: 3_000, appName: `${name}:${incarnation}` },
        lifecycle,
        exit: end,
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
    get diskIsFull() {
      return diskIsFull;
    },
    set diskIsFull(isFull) {
      diskIsFull = isFull;
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
      diskIsFull = false;
      current?.simulatedProcess.killAtWrite(0, false);
      current?.simulatedProcess.resume();
    },
    brokenCopies: () =>
      [
        ...[...disk.copies].filter(([, { damaged }]) => damaged),
        ...[...disk.lost].filter(([id]) => !disk.copies.has(id)),
      ].map(([upgrade, { time }]) => ({ upgrade, time })),
    mendCopy(upgrade) {
      const copy = disk.copies.get(upgrade) ?? disk.lost.get(upgrade);
      if (copy) disk.copies.set(upgrade, { ...copy, damaged: false });
    },
    leave() {
      gone = true;
      current?.simulatedProcess.kill();
      current = undefined;
    },
  };
}
