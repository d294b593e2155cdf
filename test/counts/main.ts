import { mkdir, writeFile } from "node:fs/promises";
import { exploredCounts } from "../exploration/counts.ts";
import { explore } from "../exploration/explore.ts";
import { publishedShort } from "../exploration/published.ts";
import { countPaths } from "../model/count-paths.ts";
import { runFixedSeeds } from "../simulation/fixed-seeds.ts";

/** `npm run counts`: how often the model's paths, the exploration and the simulation take each edge, anew. */
await mkdir("diagrams/counts", { recursive: true });
for (const { budget } of publishedShort) explore({ budget });
await writeFile("diagrams/counts/exploration.json", exploredCounts());
await writeFile("diagrams/counts/model.json", countPaths());
await writeFile("diagrams/counts/simulation.json", (await runFixedSeeds()).counts);
