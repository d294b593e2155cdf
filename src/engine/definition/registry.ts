import { LockstepError } from "../../errors.ts";
import type { Entry } from "../journal/entry.ts";
import { type Ways, waysOf } from "../migration/ways.ts";
import type { Chart } from "../system/outcome.ts";
import { type DurableMachine, isDurable } from "./durable.ts";

/** A machine that an engine runs. */
export interface Registered {
  readonly durable: DurableMachine;
  readonly chart: Chart;
}

const charts = new WeakMap<DurableMachine, Chart>();

/** The chart of a machine: the same object each time, since systems keep what they prepare for it. */
export function chartOf(durable: DurableMachine): Chart {
  const { machine, tasks, actions } = durable;
  const chart = charts.get(durable) ?? {
    ...{ machine, tasks: new Set(tasks.keys()), actions: new Set(actions.keys()) },
  };
  charts.set(durable, chart);
  return chart;
}

/** The machines of one engine, by name and version. */
export interface Registry {
  /** `name@version` of each. */
  readonly names: readonly string[];
  /** The machine of an actor, or undefined where this engine does not have it. */
  find(machine: string, version: string): Registered | undefined;
  readonly machines: readonly DurableMachine[];
  /** The ways from each version of a machine to newer ones. */
  waysOf(machine: string): Ways;
  /** The machine with which this engine goes on: of the actor's version, or of the newest to which it brings the actor. */
  runnerOf(machine: string, version: string): Registered | undefined;
  /** Something that this engine lacks to go on with an actor: its version, or a task or an action that it waits for. */
  lackOf(tail: Pick<Entry, "machine" | "version" | "status" | "work">): string | null;
  /** @throws LockstepError `machine-unknown` */
  of(durable: DurableMachine): Registered;
}

/**
 * Registers machines.
 * @throws LockstepError `machine-differs` where two machines have one name and version, and different charts
 */
export function createRegistry(machines: readonly DurableMachine[]): Registry {
  const known = new Map<string, Registered>();
  for (const durable of machines) {
    const name = `${durable.name}@${durable.version}`;
    const other = known.get(name);
    if (other && other.durable.digest !== durable.digest) {
      throw new LockstepError(
        "machine-differs",
        `expected one machine for each name and version, found two different machines "${name}": give the changed one a new version`,
        { machine: durable.name, version: durable.version },
      );
    }
    known.set(name, { durable, chart: chartOf(durable) });
  }
  const kept = [...known.values()].map(({ durable }) => durable);
  const names = new Set(kept.map(({ name }) => name));
  const ways = new Map(
    [...names].map((machine) => [machine, waysOf(kept.filter(({ name }) => name === machine))]),
  );
  const waysOfMachine = (machine: string) => ways.get(machine) ?? waysOf([]);
  const find = (machine: string, version: string) => known.get(`${machine}@${version}`);
  const runnerOf = (machine: string, version: string) =>
    find(machine, waysOfMachine(machine).from(version).at(-1)?.to.version ?? version);
  return {
    names: [...known.keys()].toSorted(),
    find,
    machines: kept,
    waysOf: waysOfMachine,
    runnerOf,
    lackOf({ machine, version, status, work }) {
      const runner = runnerOf(machine, version);
      if (runner === undefined) return `the machine "${machine}@${version}"`;
      // An actor that has ended is not migrated. Only its actions are left.
      const own = status === "active" ? runner : (find(machine, version) ?? runner);
      // A migration may change the names of work.
      const isToMigrate = status === "active" && own.durable.version !== version;
      const { tasks, actions } = own.durable;
      const missing = work.find(
        ({ kind, name }) =>
          (kind === "task" && !tasks.has(name)) || (kind === "action" && !actions.has(name)),
      );
      if (isToMigrate || missing === undefined) return null;
      const { kind, name } = missing;
      return `the ${kind} "${name}" of "${machine}@${own.durable.version}"`;
    },
    of(durable) {
      const found = known.get(`${durable.name}@${durable.version}`);
      if (found) return found;
      const { name: machine, version } = durable;
      const isMade = isDurable(durable);
      const what = isMade ? `"${machine}@${version}"` : "something that `durable` has not made";
      throw new LockstepError(
        "machine-unknown",
        `expected a machine of this engine, found ${what}: ${isMade ? "add it to" : "give what `durable` has returned, which is in"} \`machines\` of createEngine`,
        isMade ? { machine, version } : {},
      );
    },
  };
}
