import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { startDashboard } from "../src/dashboard/serve.ts";
import type { FleetClient } from "../src/index.ts";
import { systemClock } from "../src/ports/clock.ts";
import { untilAborted } from "../src/ports/waiting/until-aborted.ts";
import { agentStatus, fleetStatus } from "../test/support/fleet-status.ts";
import { openBrowser } from "../test/support/open-browser.ts";
import { median, type Run } from "./figures.ts";

const agentsCount = 10_000;
/** So many statuses, in each of which all agents differ from the one before. */
const changes = 20;
const changeEveryMs = 500;
/** The promise: of a frame, and of the page's heap. */
const frameMsMax = 100;

const statusOf = (change: number) =>
  fleetStatus({
    agents: Array.from({ length: agentsCount }, (_, index) =>
      agentStatus(`agent-${index}`, {
        incarnation: change,
        blocked: (index + change) % 10 === 0 ? "a full disk" : null,
        gate: change % 2 === 0 ? "open" : "shut",
      }),
    ),
  });

/** A fleet whose agents all change, again and again. */
function simulatedFleet(allChanged: AbortController): FleetClient {
  const fleet: Partial<FleetClient> = {
    async *watch({ signal } = {}) {
      for (let change = 1; change <= changes && !signal?.aborted; change += 1) {
        yield statusOf(change);
        await systemClock.sleep(changeEveryMs, signal);
      }
      allChanged.abort();
      if (signal) await untilAborted(signal).catch(() => {});
    },
    history: async () => [],
  };
  return fleet as FleetClient;
}

/** Notes the time between any two frames from now on. */
const noteFrames = `
  globalThis.frames_ms = [];
  let last = performance.now();
  const look = (now) => {
    globalThis.frames_ms.push(now - last);
    last = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);`;

async function heapMegabytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  await session.send("Performance.enable");
  const { metrics } = await session.send("Performance.getMetrics");
  return (metrics.find(({ name }) => name === "JSHeapUsedSize")?.value ?? Number.NaN) / 1e6;
}

/**
 * The longest frame of the page in ms while all of 10,000 agents change twice a second. Against: the promise of 100 ms.
 * The parts have the median frame, and the heap of the page, for which 200 MB are promised.
 */
export async function page(): Promise<Run> {
  const allChanged = new AbortController();
  const dashboard = await startDashboard({
    ...{ fleet: simulatedFleet(allChanged), name: "many", databaseName: "many" },
    pageDirectory: fileURLToPath(new URL("../src/dashboard/page/", import.meta.url)),
  });
  const browser = await openBrowser();
  try {
    const opened = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
    await opened.goto(dashboard.url);
    await opened.locator(".tile").nth(59).waitFor();
    await opened.evaluate(noteFrames);
    await untilAborted(allChanged.signal).catch(() => {});
    const frames = (await opened.evaluate("globalThis.frames_ms")) as readonly number[];
    return {
      value: Math.max(...frames),
      against: frameMsMax,
      parts: {
        frames: frames.length,
        "median frame, ms": median(frames),
        "heap, MB": await heapMegabytes(opened),
      },
    };
  } finally {
    await browser.close();
    await dashboard.close();
  }
}
