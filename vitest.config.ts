import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The examples import the package as a user does.
  resolve: {
    alias: {
      "lockstep/engine": resolve("src/engine/index.ts"),
      "lockstep/testing": resolve("src/engine/testing/index.ts"),
    },
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/privileged/**"],
    globalSetup: ["test/support/global-setup.ts"],
    // No test is about time. These limits end what hangs, and leave a machine that is busy with other work room.
    testTimeout: 600_000,
    hookTimeout: 300_000,
    // One more than cores: much of a test is a wait for an election, a lease or a deadline.
    maxWorkers: 3,
    retry: 0,
  },
});
