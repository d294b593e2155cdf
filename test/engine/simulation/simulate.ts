import { startEngine } from "../../../src/engine/create-engine.ts";
import type { DurableMachine } from "../../../src/engine/definition/durable.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMemoryEngineStore } from "../../../src/engine/journal/memory-store.ts";
import { silentLog } from "../../../src/log.ts";
import { createDraw, type Draw } from "../../simulation/draw.ts";
import { createScheduler, type Scheduler } from "../../simulation/scheduler.ts";
import { Checks } from "./checks.ts";
import { jobOf } from "./job-machine.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { SimulatedDatabase } from "./simulated-store.ts";

/** The clock of the database at the beginning. */
const startMs = 1_800_000_000_000;
const faultsUntilMs = 90_000;
/** From the end of the faults, until everything is as if there had been none. */
const calmAfterMs = 20_000;
const endMs = faultsUntilMs + 140_000;

/** One run: engines in processes that die, pause and are cut off, and whatever they do wrong. */
export interface EngineRun {
  readonly seed: number;
  readonly problems: readonly string[];
  readonly timeline: readonly string[];
  /** The pieces of work that were begun. */
  readonly works: number;
}

class SimulatedWorld {
  readonly #draw: Draw;
  readonly #scheduler: Scheduler = createScheduler();
  readonly #checks = new Checks(this.#scheduler);
  readonly #database: SimulatedDatabase;
  readonly #processes: SimulatedProcess[] = [];
  readonly #jobs = new Map<SimulatedProcess, DurableMachine>();
  readonly #actors: string[] = [];
  readonly timeline: string[] = [];
  #unanswered = 0;

  constructor(seed: number) {
    this.#draw = createDraw(seed);
    const inner = createMemoryEngineStore({ nowMs: () => startMs + this.#scheduler.nowMs() });
    const way = this.#draw.fork("way");
    this.#database = new SimulatedDatabase(inner, this.#scheduler, way, this.#checks);
    this.#checks.watch(this.#database, startMs);
  }

  async run(): Promise<readonly string[]> {
    this.#checks.calmFromMs = faultsUntilMs + calmAfterMs;
    const count = 2 + this.#draw.below(5);
    for (let index = 0; index < count; index += 1) void this.#boot();
    void this.#callers();
    void this.#faults();
    void this.#heal();
    await this.#scheduler.run(endMs);
    if (this.#unanswered > 0) this.#checks.say(`${this.#unanswered} callers without an answer`);
    await this.#checks.atEnd(this.#actors, this.#processes);
    return this.#checks.problems;
  }

  get works(): number {
    return this.#checks.begun.size;
  }

  #note(what: string): void {
    this.timeline.push(`${this.#scheduler.nowMs()} ms: ${what}`);
  }

  async #boot(): Promise<void> {
    const number = this.#processes.length + 1;
    const process = new SimulatedProcess(number, this.#scheduler, this.#draw.fork(`p${number}`));
    this.#processes.push(process);
    this.#note(`process ${number} starts`);
    const job = jobOf(process, this.#draw.fork(`work of ${number}`), this.#checks);
    this.#jobs.set(process, job);
    while (!process.engine) {
      process.engine = await startEngine(
        { machines: [job] },
        {
          store: this.#database.storeOf(process),
          ...{ clock: process.clock, random: process.random, log: silentLog },
          ...{ host: "host", pid: number },
        },
      ).catch(() => undefined);
      if (!process.engine) await process.clock.sleep(500);
    }
  }

  #anyUp(): SimulatedProcess | undefined {
    const up = this.#processes.filter(({ isUp }) => isUp);
    return up.length === 0 ? undefined : this.#draw.pick(up);
  }

  /** Asks one process after another until one answers. */
  async #ask(act: (engine: Engine, job: DurableMachine) => Promise<unknown>): Promise<void> {
    this.#unanswered += 1;
    for (let isAnswered = false; !isAnswered; ) {
      const process = this.#anyUp();
      if (process?.engine) {
        const job = this.#jobs.get(process) as DurableMachine;
        const answer = act(process.engine, job).then(
          () => true,
          () => false,
        );
        isAnswered = await Promise.race([answer, this.#scheduler.sleep(8_000).then(() => false)]);
      }
      if (!isAnswered) await this.#scheduler.sleep(300 + this.#draw.below(1_000));
    }
    this.#unanswered -= 1;
  }

  async #callers(): Promise<void> {
    const count = 8 + this.#draw.below(16);
    for (let index = 0; index < count; index += 1) {
      const actor = `job-${index}`;
      this.#actors.push(actor);
      void this.#life(actor);
    }
  }

  async #life(actor: string): Promise<void> {
    const draw = this.#draw.fork(actor);
    await this.#scheduler.sleep(draw.below(70_000));
    const input = {
      rounds: 1 + draw.below(4),
      restMs: draw.chance(0.2) ? 0 : draw.below(12_000),
      patienceMs: 2_000 + draw.below(20_000),
    };
    await this.#ask((engine, job) => engine.start(job, { id: actor, input } as never));
    const events = draw.below(6);
    for (let index = 0; index < events; index += 1) {
      await this.#scheduler.sleep(draw.below(12_000));
      const type = draw.pick(["GO", "SKIP", "POKE"]);
      const key = `event-${index}`;
      await this.#ask((engine, job) => engine.send(job, actor, { type } as never, { key }));
    }
  }

  async #faults(): Promise<void> {
    const draw = this.#draw.fork("faults");
    const { weather } = this.#database;
    for (;;) {
      await this.#scheduler.sleep(1_000 + draw.below(12_000));
      if (this.#scheduler.nowMs() >= faultsUntilMs) return;
      const process = this.#anyUp();
      const kind = draw.below(12);
      if (kind < 3 && process) void this.#killed(process, draw);
      else if (kind < 5 && process) void this.#paused(process, 500 + draw.below(20_000));
      else if (kind < 7 && process) void this.#cutOff(process, 500 + draw.below(15_000));
      else if (kind < 8) void this.#outage(draw.chance(0.3) ? 60_000 : 1_000 + draw.below(10_000));
      else if (kind < 9 && process) void this.#left(process, draw);
      else if (kind < 10 && this.#processes.length < 12) void this.#boot();
      else {
        weather.lost = draw.chance(0.5) ? 0.1 * draw.part() : 0;
        weather.late = draw.chance(0.5) ? 0.05 * draw.part() : 0;
        weather.slow = draw.chance(0.5) ? 0.2 * draw.part() : 0;
        this.#note(`weather ${JSON.stringify(weather)}`);
      }
    }
  }

  async #killed(process: SimulatedProcess, draw: Draw): Promise<void> {
    this.#note(`process ${process.number} is killed`);
    process.kill();
    await this.#scheduler.sleep(draw.below(15_000));
    await this.#boot();
  }

  async #paused(process: SimulatedProcess, ms: number): Promise<void> {
    this.#note(`process ${process.number} pauses for ${ms} ms`);
    process.pause();
    await this.#scheduler.sleep(ms);
    process.resume();
  }

  async #cutOff(process: SimulatedProcess, ms: number): Promise<void> {
    this.#note(`process ${process.number} is cut off for ${ms} ms`);
    process.cut();
    await this.#scheduler.sleep(ms);
    if (!this.#database.isDown) await process.mend(500);
  }

  async #outage(ms: number): Promise<void> {
    if (this.#database.isDown) return;
    this.#note(`the database is gone for ${ms} ms`);
    this.#database.isDown = true;
    for (const process of this.#processes) process.cut();
    await this.#scheduler.sleep(ms);
    this.#database.isDown = false;
    for (const process of this.#processes) void process.mend(500);
  }

  async #left(process: SimulatedProcess, draw: Draw): Promise<void> {
    this.#note(`process ${process.number} closes`);
    process.isLeaving = true;
    await process.engine?.close().catch((error: unknown) => {
      this.#checks.say(`process ${process.number} could not close: ${String(error)}`);
    });
    this.#note(`process ${process.number} has closed`);
    process.kill();
    await this.#scheduler.sleep(draw.below(10_000));
    await this.#boot();
  }

  async #heal(): Promise<void> {
    await this.#scheduler.sleep(faultsUntilMs);
    this.#note("the faults end");
    Object.assign(this.#database.weather, { lost: 0, late: 0, slow: 0 });
    this.#database.isDown = false;
    for (const process of this.#processes) {
      process.resume();
      void process.mend(500);
    }
    if (!this.#processes.some(({ isDead, isLeaving }) => !isDead && !isLeaving)) await this.#boot();
  }
}

/** Plays the run of a seed. */
export async function simulateEngine(seed: number): Promise<EngineRun> {
  const world = new SimulatedWorld(seed);
  const problems = await world.run();
  return { seed, problems, timeline: world.timeline, works: world.works };
}
