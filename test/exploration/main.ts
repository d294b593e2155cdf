import { parseArgs } from "node:util";
import { explore } from "./explore.ts";
import { type Budget, budgetKinds } from "./vocabulary.ts";

const { values } = parseArgs({
  options: {
    bounds: { type: "string", default: "" },
    most: { type: "string", default: "1000000" },
  },
});
const none = Object.fromEntries(budgetKinds.map((kind) => [kind, 0])) as unknown as Budget;
const asked = Object.fromEntries(
  values.bounds
    .split(",")
    .filter((part) => part !== "")
    .map((part) => [part.split("=")[0], Number(part.split("=")[1])]),
);
const startMs = performance.now();
const result = explore({
  budget: { ...none, ...asked },
  statesMax: Number(values.most),
  progress: (states, depth) => process.stderr.write(`depth ${depth}: ${states} states\n`),
});
process.stdout.write(
  `${JSON.stringify({ ...result, seconds: (performance.now() - startMs) / 1000 }, null, 2)}\n`,
);
