import { assign, createActor, setup } from "xstate";
import { statOf } from "../../src/ports/process.ts";
import type { Run } from "../figures.ts";
import { inParallel } from "../in-parallel.ts";
import { type Material, withMaterial } from "../material.ts";
import { counterMachine } from "./counter-machine.ts";
import { countersOf, journalOf, rawInserts } from "./transitions.ts";

/** Linux counts the time of other processes in ticks of 10 ms. */
const tickUs = 10_000;

/** The processor time that a process has used, in microseconds. Linux only. */
async function usedUs(pid: number): Promise<number> {
  const [user, system] = (await statOf(pid)).slice(11, 13);
  return (Number(user) + Number(system)) * tickUs;
}

/** The processor time of one of many alike, in microseconds: in all mongods, and in this process. */
interface Cost {
  readonly mongods: number;
  readonly own: number;
}

async function costOf(
  { set }: Material,
  count: number,
  act: () => Promise<unknown>,
): Promise<Cost> {
  const pids = set.members.map((member) => member.pid);
  const ofMongods = async () =>
    (await Promise.all(pids.map(usedUs))).reduce((sum, each) => sum + each, 0);
  const before = await ofMongods();
  const own = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(own);
  return { mongods: ((await ofMongods()) - before) / count, own: (user + system) / count };
}

/** Events to so many actors, in a process that also works or only sends. */
async function costOfEvents(
  material: Material,
  { actors, events, work }: { actors: number; events: number; work: boolean },
): Promise<Cost> {
  const { engine, start, send } = await countersOf(material.client, actors, work);
  await start();
  await inParallel(actors, 1_000, send);
  const cost = await costOf(material, events, () =>
    inParallel(events, Math.min(actors, 2_000), send),
  );
  await engine.close();
  return cost;
}

/** The processor time of live XState alone for an event and the text of the snapshot after it, in microseconds. */
function liveUs(events: number): number {
  const actor = createActor(counterMachine({ assign, setup }), { input: { owner: "one" } }).start();
  let length = 0;
  const once = () => {
    actor.send({ type: "NEXT" });
    length += JSON.stringify(actor.getPersistedSnapshot()).length;
  };
  for (let index = 0; index < events; index += 1) once();
  const before = process.cpuUsage();
  for (let index = 0; index < events; index += 1) once();
  const { user, system } = process.cpuUsage(before);
  if (length === 0) throw new Error("expected texts of snapshots");
  return (user + system) / events;
}

/** The processor time of an event, against that of a raw insert of the same document: where the time of `transitions` goes. */
export function processorTimeOf(actors: number, events: number): () => Promise<Run> {
  return () =>
    withMaterial(async (material) => {
      const { client } = material;
      const sent = await costOfEvents(material, { actors, events, work: false });
      const worked = await costOfEvents(material, { actors, events, work: true });
      const { documents, indexes } = await journalOf(client, events);
      const raw = await costOf(material, events, await rawInserts(client, documents));
      const indexed = await costOf(material, events, await rawInserts(client, documents, indexes));
      const parts = {
        "mongods with a worker": worked.mongods,
        "own with a worker": worked.own,
        "mongods without a worker": sent.mongods,
        "own without a worker": sent.own,
        "XState alone": liveUs(events),
      };
      const partsAgainst = {
        ...{ mongods: raw.mongods, own: raw.own },
        ...{ "mongods with the journal's indexes": indexed.mongods },
      };
      const [value, against] = [worked.mongods + worked.own, raw.mongods + raw.own];
      return { value, against, parts, partsAgainst };
    });
}
