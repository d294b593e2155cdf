// Runs workflows of DBOS, and answers with their steps per second.
import { DBOS } from "@dbos-inc/dbos-sdk";
import { inParallel, perSecond } from "../../dist/bench/in-parallel.js";

const { url, runs, steps, atOnce, poolSize } = JSON.parse(process.argv[2]);

DBOS.setConfig({
  name: "bench",
  systemDatabaseUrl: url,
  systemDatabasePoolSize: poolSize,
  logLevel: "error",
});
const flow = DBOS.registerWorkflow(
  async (owner) => {
    let count = 0;
    for (let step = 0; step < steps; step += 1) {
      count = await DBOS.runStep(async () => count + 1, { name: "next" });
    }
    return { owner, count };
  },
  { name: "flow" },
);
await DBOS.launch();
await inParallel(Math.ceil(runs / 10), atOnce, (index) => flow(`warm ${index}`));
const rate = await perSecond(runs * steps, () =>
  inParallel(runs, atOnce, (index) => flow(`owner ${index}`)),
);
await DBOS.shutdown();
process.send({ perSecond: rate }, () => process.exit(0));
