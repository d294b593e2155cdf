// Aim: an option of an agent's page that is there and undefined, as of a setting that is missing, means its default.
import { expect, test } from "vitest";
import { createPage } from "../../src/agent/page.ts";
import type { ThreadData } from "../../src/dashboard/in-thread.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

/** The port that the thread of a page gets. */
async function portWith(given: object): Promise<number | undefined> {
  const asked: ThreadData[] = [];
  const page = createPage(
    { agent: "a1", dashboard: given },
    { mongoUrl: "", databaseName: "things" },
    {
      ...{ clock: createVirtualClock(), log: silentLog },
      start(data) {
        asked.push(data);
        return {
          send: () => {},
          ended: Promise.resolve(null),
          onMessage: () => {},
          end: async () => {},
        };
      },
    },
  );
  page.start();
  await page.stop();
  return asked[0]?.port;
}

test.each([
  [{}, limits.dashboardPort],
  [{ port: undefined }, limits.dashboardPort],
  [{ port: 0 }, 0],
  [{ port: 8_080 }, 8_080],
])("%j listens on %i", async (given, port) => {
  expect(await portWith(given)).toBe(port);
});
