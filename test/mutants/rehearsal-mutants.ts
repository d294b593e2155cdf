import type { Mutant } from "./mutants.ts";

/** Ways to get the proof of a copy, and the rehearsal on it, wrong. */
export const rehearsalMutants: readonly Mutant[] = [
  {
    name: "a rehearsal that skips a load",
    layer: "simulation",
    says: /S6: a step was rehearsed on a collection without documents/,
    edits: [
      {
        file: "src/database/rehearsal/rehearse-steps.ts",
        find: "await copy.load(names);",
        replace: "copy.missing(names);",
      },
    ],
  },
  {
    name: "an operation that does not ask for its documents",
    layer: "tests",
    files: ["test/database/rehearsal/partial-copy.test.ts", "-t", "each operation of a step"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/database/migration/step-context.ts",
        find: "await loadReached(runner, reach);",
        replace: "",
      },
    ],
  },
  {
    name: "a copy that counts as proven without its hash",
    layer: "tests",
    files: ["test/database/backup/compare-dump.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/database/backup/dump/verify-dump.ts",
        find: 'isTaken && hash?.digest("hex") === expected',
        replace: "isTaken",
      },
    ],
  },
];
