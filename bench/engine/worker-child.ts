import { MongoClient } from "mongodb";
import { createEngine } from "../../src/engine/create-engine.ts";
import { silentLog } from "../../src/log.ts";
import { sleeper } from "./chart.ts";

/** A worker in a process of its own. It reports its memory when it is asked, and once it owns partitions. */
const [url = "", database = ""] = process.argv.slice(2);
const client = await new MongoClient(url).connect();
const engine = await createEngine({ client, database, machines: [sleeper], log: silentLog });
process.on("message", () => {
  global.gc?.();
  process.send?.({ rss: process.memoryUsage().rss, heap: process.memoryUsage().heapUsed });
});
process.once("SIGTERM", () => {
  void engine
    .close()
    .then(() => client.close())
    .then(() => process.disconnect());
});
process.send?.("started");
