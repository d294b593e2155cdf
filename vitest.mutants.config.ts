import { defineConfig } from "vitest/config";

/** The tests that mutants meet: pure and fast, without a database, a process or a wait. */
export default defineConfig({
  test: {
    include: [
      "test/machines/*.test.ts",
      "test/diagram/{diagram,edge-counter}.test.ts",
      "test/fleet-engine/{transition,xstate-adapter}.test.ts",
      "test/upgrade/protocol/{accept,derive,derive-table,steps}.test.ts",
      "test/upgrade/participant/gate.test.ts",
      "test/control/{ids,versions}.test.ts",
      "test/operator/invariants.test.ts",
      "test/launcher/decide.test.ts",
      "test/database/backup/manifest.test.ts",
      "test/mongo/definition-text.test.ts",
    ],
    testTimeout: 20_000,
    maxWorkers: 1,
    // One load of the modules for all files of a mutant; each mutant still gets a worker of its own.
    isolate: false,
    retry: 0,
  },
});
