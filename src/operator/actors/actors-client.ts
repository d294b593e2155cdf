import type { MongoClient } from "mongodb";
import { type Chart, chartOf } from "../../diagram/chart.ts";
import { type TypedChart, typedChartOf } from "../../diagram/edges-between.ts";
import type { DurableMachine } from "../../engine/definition/durable.ts";
import { createRegistry } from "../../engine/definition/registry.ts";
import { LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type JournalPage, journalOf } from "./journal.ts";
import { type ActorsQuery, type ListedActors, listActors, machineNames } from "./list.ts";
import type { OpenEngine } from "./open-engine.ts";
import {
  type EventByHand,
  machinesOfModule,
  type Receiver,
  type SentByHand,
  sendByHand,
} from "./send-event.ts";
import { type ActorLook, lookAtActor } from "./show-actor.ts";
import { type Taken, TakenReader } from "./taken-reader.ts";

/** An operator's view of the actors of one engine. */
export interface ActorsClient {
  readonly database: string;
  /** The names of the module's machines with their versions. Null: there is no module. */
  readonly versions: readonly string[] | null;
  /** One page of the actors, beside the names of all machines. @throws LockstepError `bad-argument`, `machine-unknown` */
  list(query: ActorsQuery): Promise<ListedActors & { readonly machines: readonly string[] }>;
  /**
   * One actor, with its way through its chart. Null: no module has its machine.
   * @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken`
   */
  look(id: string): Promise<ActorLook & { readonly way: Taken | null }>;
  /** The transitions before a revision, or the last ones. @throws LockstepError `unknown-actor`, `bad-argument`, `record-broken` */
  journal(id: string, before: number | null): Promise<JournalPage>;
  /** The chart of a machine of the module, or null. */
  chart(machine: string, version: string): Chart | null;
  /** See `sendByHand`. @throws LockstepError also `bad-argument` where there is no module */
  send(
    event: Omit<EventByHand, "exports">,
    agree: (receiver: Receiver) => Promise<void>,
  ): Promise<SentByHand>;
  /** The records that could not be read so far, as far as they are kept. */
  readonly notices: readonly string[];
}

/**
 * The actors of an engine that is open. The caller closes it.
 * @param exports the module of the engine's machines. Null: there is none
 * @throws LockstepError `bad-argument`, `machine-differs`
 */
export function createActorsClient(
  engine: OpenEngine,
  client: MongoClient,
  exports: EventByHand["exports"] | null,
): ActorsClient {
  const machines = exports === null ? null : machinesOfModule(exports);
  const registry = createRegistry(machines ?? []);
  const { store, database, notices } = engine;
  const takenReader = new TakenReader(store);
  const typed = new Map<DurableMachine, TypedChart>();
  const typedOf = (durable: DurableMachine) => {
    const chart = typed.get(durable) ?? typedChartOf(durable.machine);
    typed.set(durable, chart);
    return chart;
  };
  return {
    ...{ database, notices },
    versions: machines === null ? null : registry.names,
    async list(query) {
      const [listed, names] = await Promise.all([listActors(engine, query), machineNames(store)]);
      return { ...listed, machines: names };
    },
    async look(id) {
      const found = await lookAtActor(engine, id, machines);
      const { machine, version } = found.shown;
      const durable = registry.find(machine, version)?.durable;
      const way = durable ? await takenReader.read(found.shown, typedOf(durable)) : null;
      return { ...found, way };
    },
    journal: (id, before) => journalOf(engine, id, before, limits.dashboardTransitionsMax),
    chart(machine, version) {
      const found = registry.find(machine, version);
      return found === undefined ? null : { ...chartOf(found.durable.machine), name: machine };
    },
    async send(event, agree) {
      if (exports !== null) return sendByHand(engine, client, { ...event, exports }, agree);
      throw new LockstepError(
        "bad-argument",
        `expected a module with the machine of "${event.id}", found none: name it with --module, or as dashboard.module of the agent`,
        { actor: event.id },
      );
    },
  };
}
