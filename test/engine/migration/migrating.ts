// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
import { type AnyStateMachine, createMachine, setup } from "xstate";
import { type DurableOptions, durable } from "../../../src/engine/definition/durable.ts";
import { chartOf } from "../../../src/engine/definition/registry.ts";
import type { TimerRecord, WorkRecord } from "../../../src/engine/journal/entry.ts";
import { passAlong } from "../../../src/engine/migration/pass-along.ts";
import { waysOf } from "../../../src/engine/migration/ways.ts";
import { LiveSystem } from "../../../src/engine/system/live-system.ts";
import type { Outcome } from "../../../src/engine/system/outcome.ts";

/** The sources and actions of a test's charts. */
type Parts = Readonly<Record<string, any>>;

export function chart(config: object, parts: Parts = {}): AnyStateMachine {
  return Object.keys(parts).length === 0
    ? createMachine(config as any)
    : (setup(parts as any).createMachine(config as any) as any);
}

/** One version of the machine `m`. */
export function version(
  number: string,
  machine: AnyStateMachine,
  options: Partial<DurableOptions<any>> = {},
) {
  return durable(machine as any, { name: "m", version: number, ...options } as any) as any;
}

type Version = ReturnType<typeof version>;

/** An actor of a version after these events. */
export function actorOf(old: Version, events: readonly object[] = []): Outcome {
  const options = { chart: chartOf(old), onOutside: () => {} };
  const [system, first] = LiveSystem.begin(options, undefined, {
    ...{ actor: "a", startedAtMs: 0, revision: 0, nowMs: 0 },
  });
  return events.reduce<Outcome>(
    (_, event, index) =>
      system.run(
        { kind: "event", birth: 0, event },
        { actor: "a", startedAtMs: 0, revision: index + 1, nowMs: 0 },
      ),
    first,
  );
}

/** An actor of the oldest version on its way to the newest one. @param isKnown whether the old chart is registered */
export function migrate(
  actor: { snapshot: string; timers: readonly TimerRecord[]; work: readonly WorkRecord[] },
  versions: readonly Version[],
  { isKnown = true }: { isKnown?: boolean } = {},
) {
  const [oldest] = versions;
  const steps = waysOf(isKnown ? versions : versions.slice(1)).from(oldest.version);
  const newest = steps.at(-1)?.to;
  const result = passAlong({ actor: "a", ...actor }, steps);
  const { passed } = result;
  return {
    ...result,
    kinds: result.troubles.map(({ trouble }) => trouble),
    misses: result.unarmed.map(({ trouble, what }) => `${trouble} ${what}`),
    revive: () =>
      LiveSystem.revive(
        { chart: chartOf(newest as any), onOutside: () => {} },
        { actor: "a", ...(passed as any) },
      ),
    get snapshot(): any {
      return this.revive().snapshot;
    },
    /** The system goes on with an event. */
    send(event: object) {
      return this.revive().run(
        { kind: "event", birth: 0, event },
        { actor: "a", startedAtMs: 0, revision: 99, nowMs: 99 },
      );
    },
  };
}
