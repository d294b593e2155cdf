import { type Frame, withFrame } from "../../frames.ts";
import type { WholeView } from "../../view.ts";
import { readEvents, type ServerEvent } from "./read-events.ts";
import { refused } from "./refused.ts";
import { createStore } from "./store.ts";

/** The page's end of the stream. */
export interface Live {
  /** The view, or null before the first frame. */
  readonly view: WholeView | null;
  readonly connection: "connecting" | "live" | "lost";
  /** Why there is no stream, in the words of the server; or "". */
  readonly message: string;
  /** The database's clock minus this page's. */
  readonly offsetMs: number;
  /** How old the server's last reading of the fleet was at its last sign of life. */
  readonly ageMs: number;
}

export const live = createStore<Live>({
  ...{ view: null, connection: "connecting", message: "", offsetMs: 0, ageMs: 0 },
});

/** A server is silent for so long only if it or the way to it is gone: it sends a beat every two seconds. */
const silentMs = 10_000;
const pausesMs = [250, 500, 1_000, 2_000, 5_000];

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A frame that does not follow the view. */
class GapError extends Error {
  override readonly message = "the view has a gap: it is read anew";
}

async function take({ event, data }: ServerEvent): Promise<void> {
  if (event === "beat") {
    const { ageMs } = JSON.parse(data) as { ageMs: number };
    live.set((state) => ({ ...state, connection: "live", message: "", ageMs }));
    return;
  }
  if (event !== "frame") return;
  const frame = JSON.parse(data) as Frame;
  // The screen may be painted between the parse of a large view and what follows from it.
  await sleep(0);
  live.set((state) => {
    if (state.view === null && !frame.whole) return state;
    const view = withFrame(state.view ?? ({ agents: {}, film: null } as never), frame);
    // The stream is cut then, and the next one begins with a whole view.
    if (view === undefined) throw new GapError();
    const offsetMs = frame.now === 0 ? state.offsetMs : frame.now - performance.now();
    return { view, connection: "live", message: "", offsetMs, ageMs: 0 };
  });
}

/** Reads one stream to its end. Returns the id of the last frame that was taken. */
async function readStream(lastId: string | null): Promise<string | null> {
  const giveUp = new AbortController();
  let alarm = setTimeout(() => giveUp.abort(), silentMs);
  let taken: string | null = null;
  try {
    const headers = lastId === null ? {} : { "Last-Event-ID": lastId };
    const response = await fetch("./api/stream", { headers, signal: giveUp.signal });
    if (!response.ok || response.body === null) throw await refused(response);
    for await (const event of readEvents(response.body as unknown as AsyncIterable<Uint8Array>)) {
      clearTimeout(alarm);
      alarm = setTimeout(() => giveUp.abort(), silentMs);
      await take(event);
      taken = event.id ?? taken ?? lastId;
    }
  } catch (error) {
    if (error instanceof GapError) taken = null;
    const isSilent = giveUp.signal.aborted || error instanceof TypeError;
    const message = isSilent ? "" : String((error as Error).message);
    live.set((state) => ({ ...state, message }));
  } finally {
    clearTimeout(alarm);
    giveUp.abort();
  }
  return taken;
}

/** Follows the fleet for as long as the page is open. */
export async function followFleet(): Promise<never> {
  let lastId: string | null = null;
  let failures = 0;
  for (;;) {
    // A stream that ended before anything was taken may have failed at the rest that was asked for: begin anew.
    const taken: string | null = await readStream(lastId);
    failures = taken === null ? failures + 1 : 0;
    lastId = taken;
    live.set((state) => ({ ...state, connection: "lost" }));
    await sleep(pausesMs[Math.min(failures, pausesMs.length - 1)] ?? 0);
  }
}
