import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import { exited, startProcess } from "../../../src/ports/process.ts";
import { until } from "../../support/until.ts";
import type { Order, Said } from "./fixtures/process.ts";
import type { Place } from "./trip.ts";

/** One process of an engine, under the control of a test. */
export interface EngineProcess {
  readonly pid: number;
  /** Work that comes to one of these places waits there from now on. Work that waits elsewhere goes on. */
  hold(...places: readonly Place[]): void;
  /** Resolves once so many pieces of work have come to a place. */
  reached(place: Place | "committed", times?: number): Promise<void>;
  /** Sends an event, and stops for ever once it is committed. */
  send(id: string, key: string): void;
  pause(): void;
  resume(): void;
  /** kill -9. */
  kill(): Promise<void>;
  /** Ends its engine in order, and waits until it is gone. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  readonly url: string;
  readonly database: string;
  readonly version?: "1.0.0" | "2.0.0";
  readonly role?: "worker" | "sender";
  readonly held?: readonly Place[];
  /** Called with its id before it connects to anything. */
  readonly onStarted?: (pid: number) => void;
  /** Called with the end of the process. Default: it ends with the test. */
  readonly cleanUp?: (end: () => Promise<void>) => void;
}

/** Starts a process. */
export async function startEngineProcess(options: ProcessOptions): Promise<EngineProcess> {
  const { url, database, version = "1.0.0", role = "worker", held = [] } = options;
  const { cleanUp = onTestFinished } = options;
  const program = resolve("dist/test/engine/faults/fixtures/process.js");
  const words = [program, url, database, version, role];
  const child = startProcess(process.execPath, [...words, held.join()], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  options.onStarted?.(child.pid ?? 0);
  const visits = new Map<string, number>();
  const reached = (place: string) => visits.get(place) ?? 0;
  child.on("message", ({ at }: Said) => visits.set(at, reached(at) + 1));
  const order = (words: Order) => void child.send(words);
  const kill = async () => {
    child.kill("SIGKILL");
    await exited(child);
  };
  cleanUp(kill);
  await until("the process is ready", () => reached("ready") > 0 || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode}`);
  return {
    pid: child.pid ?? 0,
    hold: (...places) => order({ hold: places }),
    reached: async (place, times = 1) => {
      await until(`${times} times ${place}`, () => reached(place) >= times);
    },
    send: (id, key) => order({ send: { id, key } }),
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    kill,
    async stop() {
      order({ stop: true });
      await exited(child);
    },
  };
}
