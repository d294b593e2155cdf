import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/privileged/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    retry: 0,
  },
});
