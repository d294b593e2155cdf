// Runs jobs of Agenda, and answers with the jobs that ended per second.
import { MongoBackend } from "@agendajs/mongo-backend";
import { Agenda } from "agenda";
import { MongoClient } from "mongodb";
import { inParallel, perSecond } from "../../dist/bench/in-parallel.js";

const { url, runs, atOnce, processEvery } = JSON.parse(process.argv[2]);

const client = await new MongoClient(url).connect();
const agenda = new Agenda({
  backend: new MongoBackend({ mongo: client.db("agenda") }),
  processEvery,
  maxConcurrency: atOnce,
  defaultConcurrency: atOnce,
});
agenda.define("work", async () => {});
const waiting = [];
agenda.on("complete:work", () => waiting.shift()?.());
await agenda.start();
const run = async (index) => {
  const end = new Promise((resolve) => waiting.push(resolve));
  await agenda.now("work", { index });
  await end;
};
await inParallel(Math.ceil(runs / 10), atOnce, run);
const rate = await perSecond(runs, () => inParallel(runs, atOnce, run));
process.send({ perSecond: rate }, () => process.exit(0));
