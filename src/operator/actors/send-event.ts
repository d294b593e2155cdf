import type { MongoClient } from "mongodb";
import { createEngine } from "../../engine/create-engine.ts";
import type { DurableMachine } from "../../engine/definition/durable.ts";
import { createRegistry } from "../../engine/definition/registry.ts";
import type { Sent } from "../../engine/engine-api.ts";
import type { Entry } from "../../engine/journal/entry.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { durableMachinesOf } from "../machines/machines-of.ts";
import { keepingLog, type OpenEngine } from "./open-engine.ts";
import { tailOf } from "./reading.ts";

type Exports = Readonly<Record<string, unknown>>;

/** An event that somebody sends by hand. */
export interface EventByHand {
  readonly id: string;
  readonly event: { readonly type: string };
  /** Makes the event count once. */
  readonly key?: string | undefined;
  readonly exports: Exports;
}

/** The actor before the event. */
export interface Receiver extends Pick<Entry, "machine" | "version" | "state" | "status"> {
  readonly id: string;
  readonly database: string;
  /** The version to which the module brings the actor with this event. Null: it stays on its version. */
  readonly migratesTo: string | null;
}

/** The answer to an event by hand. */
export interface SentByHand extends Sent {
  readonly receiver: Receiver;
  readonly notices: readonly string[];
}

/**
 * All durable machines of a module.
 * @throws LockstepError `bad-argument` where it has none
 */
export function machinesOfModule(exports: Exports): readonly DurableMachine[] {
  const machines = [...durableMachinesOf(exports).values()].flat();
  if (machines.length > 0) return machines;
  throw new LockstepError(
    "bad-argument",
    "expected a module that exports a durable machine, found none: export what `durable` gives",
  );
}

/**
 * The receiver of an event, and the machines of the module with which it can be sent. Pure.
 * @throws LockstepError `machine-unknown`, `entry-not-readable`, `machine-differs`
 */
export function receiverOf(
  tail: Pick<Entry, "actor" | "machine" | "version" | "state" | "status">,
  database: string,
  all: readonly DurableMachine[],
): { readonly receiver: Receiver; readonly machines: readonly DurableMachine[] } {
  const { actor: id, machine, version, state, status } = tail;
  const machines = all.filter(({ name }) => name === machine);
  if (machines.length === 0) {
    const found = [...new Set(all.map(({ name }) => name))].slice(0, limits.namesShownMax);
    throw new LockstepError(
      "machine-unknown",
      `expected the module to export the machine "${machine}", of which "${id}" is an actor, found ${found.join(", ")}: name the module that has it`,
      { actor: id, machine, found },
    );
  }
  const runner = createRegistry(machines).runnerOf(machine, version)?.durable.version;
  if (runner === undefined) {
    const found = machines.map((each) => each.version).slice(0, limits.versionsShownMax);
    throw new LockstepError(
      "entry-not-readable",
      `expected the module to export "${machine}@${version}" or a way from it, found the versions ${found.join(", ")}: add that version to the module`,
      { actor: id, machine, version, found },
    );
  }
  const migratesTo = runner === version || status !== "active" ? null : runner;
  return { receiver: { id, machine, version, state, status, database, migratesTo }, machines };
}

/**
 * Sends an event to one actor, once somebody has agreed.
 * @param agree throws where the event must not be sent
 * @throws LockstepError `unknown-actor`, `machine-unknown`, `entry-not-readable`, `migration-refused`, `bad-argument`,
 * `value-not-kept`, `rights-missing`, `database-unreachable`
 */
export async function sendByHand(
  { store, database, signal }: Pick<OpenEngine, "store" | "database" | "signal">,
  client: MongoClient,
  { id, event, key, exports }: EventByHand,
  agree: (receiver: Receiver) => Promise<void>,
): Promise<SentByHand> {
  const all = machinesOfModule(exports);
  const { receiver, machines } = receiverOf(await tailOf(store, id), database, all);
  await agree(receiver);
  signal.throwIfAborted();
  const [durable] = machines;
  if (durable === undefined) throw new Error("a receiver has a machine");
  // A worker here would take partitions from the application's own workers for a moment.
  const { log, notices } = keepingLog();
  const engine = await createEngine({ client, database, machines, work: false, log });
  try {
    const sent = await engine.send(durable, id, event, key === undefined ? {} : { key });
    return { ...sent, receiver, notices };
  } finally {
    await engine.close();
  }
}
