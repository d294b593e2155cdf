import { minor } from "semver";
import { createAgent, createLog, defineSteps, type Step } from "../src/index.ts";

/**
 * The application of the benchmark of downtimes. Version 1.N.0 replaces an index of one collection. Where N is even,
 * its step also has a transaction that does not say what it reads, so the rehearsal loads the whole copy.
 */
const environment = process.env;
const version = environment["LOCKSTEP_VERSION"] ?? "1.0.0";
const collection = environment["BENCH_COLLECTION"] ?? "";

const stepOf = (number: number): Step => ({
  name: `index-${number}`,
  version: `1.${number}.0`,
  target: "MasterStateServer",
  description: "replaces an index",
  async run(context) {
    await context.dropIndex(collection, `by-${number - 1}`);
    await context.addIndex(collection, { [`f${number % 2}`]: 1, _id: 1 }, { name: `by-${number}` });
    if (number % 2 === 1) return;
    await context.transaction(async (database) => {
      await database.collection(collection).findOne({});
    });
  },
});

const numbers = Array.from({ length: minor(version) }, (_, index) => index + 1);
const agent = createAgent({
  mongoUrl: environment["BENCH_MONGO_URL"] ?? "",
  agent: environment["BENCH_AGENT"] ?? "",
  version,
  steps: defineSteps(numbers.map(stepOf)),
  log: createLog({}),
});
const end = () => void agent.stop().finally(() => process.exit(0));
process.once("SIGTERM", end);
process.once("disconnect", () => process.exit(0));
await agent.start();
