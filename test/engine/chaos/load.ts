import { setTimeout as wait } from "node:timers/promises";
import { isLockstepError } from "../../../src/errors.ts";
import type { Draw } from "../../simulation/draw.ts";
import { until } from "../../support/until.ts";
import { trip, tripOf } from "../faults/trip.ts";
import type { ChaosWorld, Sender } from "./chaos-world.ts";
import type { RunPlan } from "./plan.ts";

/** A trip under load, as its senders know it. */
export interface LoadedTrip {
  readonly id: string;
  readonly rounds: number;
  /** The keys of the events that were acknowledged. */
  readonly keys: string[];
  /**
   * The number of these events when each sender last had one applied. It may read no fewer: a sender that has heard from
   * the present primary never asks a former one. Others may.
   */
  readonly known: Map<Sender, number>;
}

/** The load of one run. */
export interface Load {
  readonly trips: readonly LoadedTrip[];
  /** Contradictions that its senders have seen. */
  readonly troubles: readonly string[];
  /** The number of calls that were answered. */
  readonly answered: () => number;
  /** Lets all senders know the newer version, too. */
  knowNewer(): Promise<void>;
  stop(): Promise<void>;
}

const machines = { old: trip, newer: tripOf("2.0.0") };

/** Senders that start trips, send them events and read them, each with connections of its own, until they are stopped. */
export async function startLoad(world: ChaosWorld, plan: RunPlan, draw: Draw): Promise<Load> {
  const { rounds, restMs } = plan;
  const trips: LoadedTrip[] = [];
  const troubles: string[] = [];
  let [answered, asked, isOver] = [0, 0, false];
  let senders = await Promise.all([1, 2, 3].map(() => world.sender(["1.0.0"])));
  let machine = machines.old;

  /** Asks until there is an answer: with its key, the same question counts once. */
  const persistently = async <Answer>(ask: (sender: Sender) => Promise<Answer>) => {
    let last: unknown;
    const once = () => {
      const sender = draw.pick(senders);
      return ask(sender).then(
        (answer) => ({ answer, sender }),
        (error: unknown) => {
          last = error;
          return undefined;
        },
      );
    };
    const found = await until("an answer", once, 120_000, 50).catch((error: unknown) => {
      throw new Error(`no answer: ${String(last ?? error)}`);
    });
    answered += 1;
    return found;
  };
  const start = async () => {
    const id = `trip-${trips.length}`;
    const each: LoadedTrip = { id, rounds, keys: [], known: new Map() };
    trips.push(each);
    await persistently(({ engine }) => engine.start(trip, { id, input: { rounds, restMs } }));
  };
  const acknowledge = (each: LoadedTrip, key: string, outcome: string, sender: Sender) => {
    if (outcome === "ignored") return;
    if (!each.keys.includes(key)) each.keys.push(key);
    // A duplicate may come from old data.
    if (outcome === "applied") each.known.set(sender, each.keys.length);
  };
  const poke = async (each: LoadedTrip, key: string) => {
    const { answer, sender } = await persistently(({ engine }) =>
      engine.send(machine, each.id, { type: "POKE" }, { key }),
    );
    acknowledge(each, key, answer.outcome, sender);
  };
  /** An event and a write of the application: both commit, or neither. */
  const pokeWithWrite = async (each: LoadedTrip, key: string) => {
    const sender = draw.pick(senders);
    const { client, engine } = sender;
    const ledger = client.db(world.databaseName).collection<{ _id: string }>("ledger");
    const session = client.startSession();
    try {
      const outcome = await session.withTransaction(async () => {
        const sent = await engine.send(machine, each.id, { type: "POKE" }, { key, session });
        if (sent.outcome === "applied") await ledger.insertOne({ _id: key }, { session });
        return sent.outcome;
      });
      acknowledge(each, key, outcome, sender);
      answered += 1;
    } catch {
      // Whether it has committed is not known. The ledger and the journal have to agree.
    } finally {
      await session.endSession().catch(() => {});
    }
  };
  const read = async (each: LoadedTrip) => {
    const sender = draw.pick(senders);
    const known = each.known.get(sender) ?? 0;
    const found = await sender.engine.get(machine, each.id).catch(() => null);
    if (found !== null && found.context.pokes < known) {
      troubles.push(`${each.id}: read ${found.context.pokes} of ${known} pokes`);
    }
  };
  const lane = async () => {
    while (!isOver) {
      asked += 1;
      const key = `k-${asked}`;
      const each = trips.length === 0 ? null : draw.pick(trips);
      const kind = draw.part();
      try {
        if (each === null || (kind < 0.1 && trips.length < plan.trips)) await start();
        else if (kind < 0.55) await poke(each, key);
        else if (kind < 0.7) await Promise.all([poke(each, key), poke(each, key)]);
        else if (kind < 0.85) await pokeWithWrite(each, key);
        else await read(each);
      } catch (error) {
        const isClosed = isLockstepError(error, "aborted");
        if (!isClosed) troubles.push(`${each?.id} ${key}: ${String(error)}`);
      }
      await wait(draw.below(20));
    }
  };
  const lanes = [1, 2, 3, 4].map(lane);
  return {
    ...{ trips, troubles, answered: () => answered },
    async knowNewer() {
      senders = await Promise.all([1, 2, 3].map(() => world.sender(["1.0.0", "2.0.0"])));
      machine = machines.newer;
    },
    async stop() {
      isOver = true;
      await Promise.all(lanes);
      while (trips.length < plan.trips) await start();
    },
  };
}
