import { mkdir, writeFile } from "node:fs/promises";
import { countPaths } from "./count-paths.ts";

/** `npm run counts`: how often the model's paths take each edge, anew. */
await mkdir("diagrams/counts", { recursive: true });
await writeFile("diagrams/counts/model.json", countPaths());
