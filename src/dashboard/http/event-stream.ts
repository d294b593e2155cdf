import { limits } from "../../limits.ts";
import type { Feed, Follower } from "../feed.ts";

const encoder = new TextEncoder();

/** A server-sent event. Its text has no line break, as JSON has none. Pure. */
export function eventText(event: string, text: string, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${text}\n\n`;
}

/**
 * The frames of a feed as server-sent events. A reader that leaves more than the bound unread is dropped, so it costs
 * no more memory than that.
 * @param cut ends the connection, also where the reader has not read the rest
 * @throws LockstepError `too-many-requests`
 */
export function eventStream(
  feed: Feed,
  lastId: string | undefined,
  cut: () => void,
): ReadableStream<Uint8Array> {
  let unfollow = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string) => {
          if ((controller.desiredSize ?? 0) <= 0) return false;
          controller.enqueue(encoder.encode(text));
          return true;
        };
        const follower: Follower = {
          send: ({ id, text }) => send(eventText("frame", text, id)),
          beat: (ageMs) => send(eventText("beat", JSON.stringify({ ageMs: Math.round(ageMs) }))),
          end: cut,
        };
        unfollow = feed.follow(follower, lastId);
      },
      cancel: () => unfollow(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: limits.dashboardUnreadBytesMax }),
  );
}
