// Aim: nothing of the page's thread reaches the agent but words in its log, and the page comes back. Method: threads by
// hand, and a virtual clock.
import { expect, test } from "vitest";
import { type FromThread, serveInThread } from "../../src/dashboard/in-thread.ts";
import { limits } from "../../src/limits.ts";
import { type Log, silentLog } from "../../src/log.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const url = "http://127.0.0.1:4680/";
const trouble: FromThread = { kind: "trouble", code: "bad-argument", message: "the port is taken" };

function stage() {
  const clock = createVirtualClock();
  const warnings: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: ({ why }, message) => void warnings.push(`${message}: ${why}`),
  };
  const threads: {
    say(message: FromThread): void;
    end(why: string | null): void;
    readonly got: string[];
  }[] = [];
  const dashboard = serveInThread(
    { mongoUrl: "", databaseName: "shop" },
    {
      ...{ clock, log },
      start() {
        let say = (_message: FromThread) => {};
        let end = (_why: string | null) => {};
        const ended = new Promise<string | null>((resolve) => {
          end = resolve;
        });
        const got: string[] = [];
        threads.push({ say: (message) => say(message), end: (why) => end(why), got });
        return {
          ended,
          onMessage(listener) {
            say = listener;
          },
          send: (message) => void got.push(message),
          async end() {
            got.push("end");
            end(null);
          },
        };
      },
    },
  );
  return { clock, warnings, threads, dashboard };
}

test("it has its address while it is served, and ends when it is asked to", async () => {
  const { dashboard, threads, clock } = stage();
  expect(dashboard.url).toBeNull();
  threads[0]?.say({ kind: "serving", url });
  expect(dashboard.url).toBe(url);
  const stopped = dashboard.stop();
  expect(threads[0]?.got).toEqual(["stop"]);
  threads[0]?.end(null);
  await stopped;
  expect([dashboard.url, threads.length]).toEqual([null, 1]);
  await clock.advance(10 * limits.dashboardAgainMs);
  expect(threads.length).toBe(1);
});

test("a thread that does not end when it is asked to is ended", async () => {
  const { dashboard, threads, clock } = stage();
  const stopped = dashboard.stop();
  await clock.advance(limits.dashboardStopMs);
  await stopped;
  expect(threads[0]?.got).toEqual(["stop", "end"]);
});

test("after trouble it is tried again, and the same trouble is said once", async () => {
  const { dashboard, threads, clock, warnings } = stage();
  for (const _ of [1, 2]) {
    threads.at(-1)?.say(trouble);
    threads.at(-1)?.end(null);
    await clock.advance(limits.dashboardAgainMs);
  }
  expect([threads.length, warnings]).toEqual([
    3,
    ["the dashboard is not served: bad-argument: the port is taken"],
  ]);
  threads.at(-1)?.say({ kind: "serving", url });
  threads.at(-1)?.say({ kind: "log", fields: {}, message: "a request failed" });
  threads.at(-1)?.end("out of memory");
  await clock.advance(limits.dashboardAgainMs);
  expect(dashboard.url).toBeNull();
  expect(warnings.slice(1)).toEqual([
    "the dashboard has trouble: a request failed",
    "the dashboard is not served: out of memory",
  ]);
  threads.at(-1)?.say({ kind: "serving", url });
  expect(dashboard.url).toBe(url);
  const stopped = dashboard.stop();
  threads.at(-1)?.end(null);
  await stopped;
});

test("a thread in trouble that does not end is ended, and a thread that cannot start is tried again", async () => {
  const { dashboard, threads, clock } = stage();
  threads[0]?.say(trouble);
  await clock.advance(limits.dashboardStopMs + limits.dashboardAgainMs);
  expect([threads[0]?.got, threads.length]).toEqual([["end"], 2]);
  threads[1]?.end(null);
  await dashboard.stop();
  const warnings: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: ({ why }, message) => void warnings.push(`${message}: ${why}`),
  };
  let starts = 0;
  const start = () => {
    starts += 1;
    throw new Error("no thread");
  };
  const other = serveInThread({ mongoUrl: "", databaseName: "shop" }, { clock, log, start });
  await clock.advance(2 * limits.dashboardAgainMs);
  expect([starts, warnings]).toEqual([3, ["the dashboard is not served: no thread"]]);
  await other.stop();
});
