import { messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log } from "../log.ts";
import type { ShownEngine } from "../operator/actors/with-actors.ts";
import type { Clock } from "../ports/clock.ts";
import { startThread, type Thread } from "../ports/thread.ts";
import type { DashboardOptions } from "./serve.ts";

/** The page of a fleet as an agent serves it. */
export interface ThreadData
  extends Pick<DashboardOptions, "databaseName" | "host" | "port" | "allowedHosts" | "token">,
    ShownEngine {
  readonly mongoUrl: string;
  /** Default: the name of the database. */
  readonly fleet?: string;
}

/** The messages of the thread. */
export type FromThread =
  | { readonly kind: "serving"; readonly url: string }
  | { readonly kind: "trouble"; readonly code: string; readonly message: string }
  | {
      readonly kind: "log";
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };

type DashboardThread = Pick<Thread<"stop", FromThread>, "send" | "ended" | "onMessage" | "end">;

export interface ThreadPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Default: a thread of this process. */
  readonly start?: (data: ThreadData) => DashboardThread;
}

/** A dashboard in a thread of its own. */
export interface ThreadedDashboard {
  /** Its address while it is served, or null. */
  readonly url: string | null;
  stop(): Promise<void>;
}

// webpack would copy that file into its output, and its minimizer takes no module there.
const startOwn = (data: ThreadData): DashboardThread =>
  startThread(new URL(/* webpackIgnore: true */ "./thread.js", import.meta.url), {
    ...{ data, megabytesMax: limits.dashboardThreadMegabytesMax },
  });

/**
 * Serves the page of a fleet from this process, and again after each trouble. Nothing of it throws, and it has an event
 * loop and a heap of its own: an agent goes on whatever happens to its page.
 */
export function serveInThread(data: ThreadData, ports: ThreadPorts): ThreadedDashboard {
  const { clock, log, start = startOwn } = ports;
  const stopping = new AbortController();
  let url: string | null = null;
  let warned = "";

  /** Takes a message. The words of trouble are the answer. */
  const heard = (message: FromThread): string | null => {
    if (message.kind === "trouble") return `${message.code}: ${message.message}`;
    if (message.kind === "log") {
      log.warn({ why: message.message, details: message.fields }, "the dashboard has trouble");
    } else {
      ({ url } = message);
      warned = "";
      log.info({ url }, "the dashboard is served");
    }
    return null;
  };
  /** One thread, from its start to its end. The answer says why it has ended, as far as that is known. */
  const run = async (): Promise<string | null> => {
    const thread = start(data);
    const over = new AbortController();
    let trouble: string | null = null;
    /** A thread that is asked to end has a moment for it. */
    const endSoon = () =>
      void clock.sleep(limits.dashboardStopMs, over.signal).then(() => thread.end());
    const stop = () => {
      thread.send("stop");
      endSoon();
    };
    thread.onMessage((message) => {
      const words = heard(message);
      if (words !== null && trouble === null) endSoon();
      trouble ??= words;
    });
    stopping.signal.addEventListener("abort", stop, { once: true });
    const why = await thread.ended;
    stopping.signal.removeEventListener("abort", stop);
    over.abort();
    url = null;
    return trouble ?? why;
  };
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const why = (await run().catch(messageOf)) ?? "its thread has ended";
      if (stopping.signal.aborted) return;
      const pauseMs = limits.dashboardAgainMs;
      if (why !== warned) log.warn({ why, pauseMs }, "the dashboard is not served");
      warned = why;
      await clock.sleep(limits.dashboardAgainMs, stopping.signal);
    }
  };
  const running = loop();
  return {
    get url() {
      return url;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
