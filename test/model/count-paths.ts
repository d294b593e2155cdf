import { createEdgeCounter } from "../support/edge-counts.ts";
import { cases } from "./cases.ts";
import { walk } from "./walk.ts";

/** How often the paths of all models take each edge, as the text of its file. */
export function countPaths(): string {
  const counter = createEdgeCounter();
  for (const model of cases) {
    for (const { before, event, times } of walk(model)) {
      const snapshot = JSON.stringify(model.machine.getPersistedSnapshot(before));
      counter.add(model.name, snapshot, event, times);
    }
  }
  return counter.text();
}
