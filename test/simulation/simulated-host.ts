import type { Reason } from "../../machines/vocabulary.ts";
import type { CannotStart } from "../../src/launcher/agent-side.ts";
import { decide, type LauncherState } from "../../src/launcher/decide.ts";
import { silentLog } from "../../src/log.ts";
import { openSeam } from "../../src/ports/seam.ts";
import type { Store } from "../../src/store/store.ts";
import { register } from "../../src/upgrade/agents.ts";
import { createLifecycle } from "../../src/upgrade/lifecycle.ts";
import type { LocalJournal, LocalRecord } from "../../src/upgrade/local-journal.ts";
import { type Runtime, runAgent } from "../../src/upgrade/run-agent.ts";
import type { Step } from "../../src/upgrade/steps.ts";
import type { Draw } from "./draw.ts";
import { createLife, type Life, type Weather } from "./life.ts";
import type { Scheduler } from "./scheduler.ts";
import {
  createSimulatedDatabase,
  dataDocument,
  type Misbehaviour,
  type SimulatedCopy,
} from "./simulated-data.ts";
import { createSimulatedLeases } from "./simulated-leases.ts";

/** What outlives every process of a host. */
interface Disk {
  wanted: string;
  fallback: string;
  stepsVersion: string | undefined;
  readonly local: Map<string, LocalRecord>;
  readonly files: Map<string, string>;
  readonly copies: Map<string, SimulatedCopy>;
}

/** What all hosts share. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly draw: Draw;
  readonly weather: Weather;
  /** The database itself, as nobody's process reaches it. */
  readonly store: Store;
  readonly versions: readonly string[];
  misbehaviour(to: string): Misbehaviour;
  diskFails(): boolean;
  momentGone(): boolean;
  /** What the application was told it had written. */
  acknowledged(): void;
  attempted(): void;
  trouble(words: string): void;
}

export interface Host {
  readonly name: string;
  readonly disk: Disk;
  readonly gateIsOpen: boolean;
  /** The version of the process that runs, or null. */
  readonly running: string | null;
  /** Versions that do not come up on this host. */
  readonly broken: Set<string>;
  start(version: string): void;
  kill(): void;
  pause(ms: number): void;
  /** It never comes back. */
  leave(): void;
  readonly isGone: boolean;
}

const stateFile = "state";

/** The local journal on a disk in memory, with kills between its writes. */
function localJournalOn(disk: Disk, life: Life, scheduler: Scheduler): LocalJournal {
  const io = async <Result>(act: () => Result): Promise<Result> => {
    await life.turn();
    await scheduler.sleep(1);
    await life.turn();
    return act();
  };
  const journal: LocalJournal = {
    read: (upgrade) => io(() => structuredClone(disk.local.get(upgrade))),
    write: (upgrade, record) => io(() => void disk.local.set(upgrade, structuredClone(record))),
    async keep(upgrade, record, path) {
      if (record.kept.some((kept) => kept.path === path)) return record;
      const next = {
        ...record,
        kept: [...record.kept, { path, copy: disk.files.get(path) ?? null }],
      };
      await journal.write(upgrade, next);
      return next;
    },
    putBack: (record) =>
      io(() => {
        for (const { path, copy } of record.kept.toReversed()) {
          if (copy === null) disk.files.delete(path);
          else disk.files.set(path, copy);
        }
      }),
    forget: (upgrade) => io(() => void disk.local.delete(upgrade)),
    stepsVersion: () => io(() => disk.stepsVersion),
    setStepsVersion: (version) =>
      io(() => {
        disk.stepsVersion = version;
      }),
  };
  return journal;
}

/** Version 1.N.0 has N schema steps (see the simulated data) and N local ones. */
function stepsOf(version: string, disk: Disk, life: Life): readonly Step[] {
  const minor = Number(version.split(".")[1]);
  return Array.from({ length: minor }, (_, index): readonly Step[] => {
    const number = index + 1;
    const base = { version: `1.${number}.0`, description: "" };
    return [
      { ...base, name: `schema-${number}`, target: "MasterStateServer", run: async () => {} },
      {
        ...base,
        name: `local-${number}`,
        target: "AllMachines",
        async run({ keep, to }) {
          await keep(stateFile);
          await life.turn();
          disk.files.set(stateFile, to);
        },
      },
    ];
  }).flat();
}

/** A host with its launcher: it starts the version wanted, again and again, by the real rules. */
export function createHost(name: string, version: string, around: Surroundings): Host {
  const { scheduler, draw, store } = around;
  const disk: Disk = {
    ...{ wanted: version, fallback: version, stepsVersion: version },
    ...{ local: new Map(), files: new Map([[stateFile, version]]), copies: new Map() },
  };
  const broken = new Set<string>();
  let gone = false;
  let incarnations = 0;
  let current: { life: Life; version: string; runtime?: Runtime; open: boolean } | undefined;
  let launcher: LauncherState = {
    ...{ version, previous: version, failures: 0, ready: false },
    cannotStart: null,
  };

  const happened = (event: Parameters<typeof decide>[1]) => {
    if (gone) return;
    const decision = decide(launcher, event);
    launcher = decision.state;
    if (decision.action.kind === "go-on") return;
    // Where the launcher gives up, whoever supervises it starts it again.
    const delayMs = decision.action.kind === "start" ? decision.action.delayMs : 2_000;
    const again = decision.action.kind === "exit";
    void scheduler.sleep(delayMs).then(() => {
      if (gone || current) return;
      if (again) launcher = { ...launcher, failures: 0, ready: false };
      launch(launcher.version, launcher.cannotStart);
    });
  };

  const application = async (mine: NonNullable<typeof current>) => {
    while (mine.life.isAlive && mine.open) {
      around.attempted();
      await mine.life.turn();
      await scheduler.sleep(1 + draw.below(20));
      await mine.life.turn();
      await store.write([{ ...dataDocument, expect: {}, increment: { application: 1 } }]);
      around.acknowledged();
      await mine.life.clock.sleep(200 + draw.below(800));
    }
  };

  const launch = (which: string, cannotStart: CannotStart | null) => {
    incarnations += 1;
    const incarnationAtLeast = incarnations;
    const life = createLife({
      ...{ scheduler, draw, weather: around.weather },
      rate: 0.9 + 0.2 * draw.part(),
      offsetMs: draw.below(1_000_000),
      onKilled: () => {
        if (current?.life !== life) return;
        current = undefined;
        void scheduler
          .sleep(50 + draw.below(2_000))
          .then(() =>
            happened({ type: "ended", code: null, signal: "SIGKILL", wanted: disk.wanted }),
          );
      },
    });
    const mine: NonNullable<typeof current> = { life, version: which, open: false };
    current = mine;
    const end = (code: number) => {
      if (current !== mine) return;
      current = undefined;
      life.kill();
      happened({ type: "ended", code, signal: null, wanted: disk.wanted });
    };
    void run(mine, which, incarnationAtLeast, cannotStart, end).catch(() => end(1));
  };

  async function run(
    mine: NonNullable<typeof current>,
    which: string,
    incarnationAtLeast: number,
    cannotStart: Reason | null,
    end: (code: number) => void,
  ): Promise<void> {
    const { life } = mine;
    await life.clock.sleep(100 + draw.below(300));
    if (broken.has(which)) return end(3);
    const mineStore = life.store(store);
    const database = createSimulatedDatabase({
      ...{ store: mineStore, life, draw, copies: disk.copies },
      misbehaviour: around.misbehaviour,
      diskFails: around.diskFails,
      momentGone: around.momentGone,
    });
    const incarnation = await register(mineStore, name, {
      ...{ role: "state-server", version: which, startable: around.versions, incarnationAtLeast },
      ...{ freeBytes: 1, backups: [], host: name, pid: 0 },
    });
    const lifecycle = createLifecycle();
    lifecycle.on("trouble", ({ code, message }) => around.trouble(`${name}: ${code}: ${message}`));
    let drained: Promise<void> = Promise.resolve();
    mine.runtime = await runAgent(
      {
        ...{ agent: name, role: "state-server", version: which, incarnation },
        steps: stepsOf(which, disk, life),
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
        reportReady: () => happened({ type: "ready" }),
        async writeWantedVersion(wanted) {
          await life.turn();
          disk.wanted = wanted;
        },
        async writeDefaultVersion(kept) {
          await life.turn();
          disk.fallback = kept;
        },
      },
      {
        store: mineStore,
        leases: life.leases(createSimulatedLeases(store)),
        endPredecessor: async () => 0,
        database,
        localJournal: localJournalOn(disk, life, scheduler),
        clock: life.clock,
        random: { hex: draw.hex },
        seam: openSeam,
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
    get isGone() {
      return gone;
    },
    start(which) {
      launcher = { ...launcher, version: which, previous: which };
      launch(which, null);
    },
    kill: () => current?.life.kill(),
    pause(ms) {
      const life = current?.life;
      life?.pause();
      void scheduler.sleep(ms).then(() => life?.resume());
    },
    leave() {
      gone = true;
      current?.life.kill();
      current = undefined;
    },
  };
}
