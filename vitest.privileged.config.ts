import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/privileged/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    retry: 0,
  },
});
