import type { Film, FilmStep } from "../../src/index.ts";
import { shippedCharts } from "../../src/operator/film/project.ts";
import { at } from "./fleet-status.ts";

function stepOf(state: string, revision: number, facts: Partial<FilmStep>): FilmStep {
  return {
    ...{ revision, at: at + revision * 1_000, event: "something", about: null, state },
    ...{ outcome: "applied", enters: true, edges: [], epoch: 1, by: "a1", version: "1.0.0" },
    ...{ deadlines: [], reason: null, change: null },
    ...facts,
  };
}

/** A film in which each actor goes through the states that are given, a second each. */
export function filmWith(
  lanes: Readonly<Record<string, readonly (string | [string, Partial<FilmStep>])[]>>,
  facts: Partial<Film> = {},
): Film {
  return {
    ...{ upgradeId: "u000002", from: "1.0.0", to: "1.1.0", restoreOf: null, readAt: at },
    ...{ final: false, charts: shippedCharts },
    lanes: Object.entries(lanes).map(([agent, states]) => ({
      actor: agent === "upgrade" ? "upgrade/u000002" : `participant/${agent}/u000002`,
      kind: agent === "upgrade" ? "coordinator" : "participant",
      agent: agent === "upgrade" ? null : agent,
      ...{ role: null, required: true, servedAt: null, trouble: null },
      machine: agent === "upgrade" ? "upgrade" : "participant",
      steps: states.map((state, revision) =>
        typeof state === "string"
          ? stepOf(state, revision, {})
          : stepOf(state[0], revision, state[1]),
      ),
    })),
    ...facts,
  };
}
