import type { Mutant } from "./mutants.ts";

/** Ways to get a pause wrong. */
export const pauseMutants: readonly Mutant[] = [
  {
    name: "a paused step works on",
    layer: "simulation",
    says: /S4: (a batch took effect|the steps went on) in paused/,
    edits: [
      {
        file: "machines/upgrade.ts",
        find: '...pausing,\n        abortRequested: { target: "rolling-back", actions: "noteFailure" },\n        deadlinePassed: { target: "rolling-back", actions: "noteNoProgress" },',
        replace:
          'pauseRequested: { target: "paused", actions: "notePause" },\n        deadlinePassed: { target: "rolling-back", actions: "noteNoProgress" },',
      },
    ],
  },
  {
    name: "a death in a pause counts as one in the step",
    layer: "tests",
    files: ["test/database/migration/pause.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/database/migration/run-steps.ts",
        find: "if (others.length < startedBy.length) {",
        replace: "if (others.length > startedBy.length) {",
      },
    ],
  },
];
