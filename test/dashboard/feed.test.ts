// Aim: all pages get each frame once and in order, also after a gap, and none of them can hold the server up. Method: a
// fleet whose statuses the test hands out, on a clock that stands still.
import { expect, onTestFinished, test } from "vitest";
import { createFeed, type Feed, type Follower } from "../../src/dashboard/feed.ts";
import { type Frame, withFrame } from "../../src/dashboard/frames.ts";
import { emptyView, type WholeView } from "../../src/dashboard/view.ts";
import { LockstepError } from "../../src/errors.ts";
import type { FleetStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { filmWith } from "./film.ts";
import { at, explanation, statusWith, things, upgradeWith } from "./fleet-status.ts";

function stage() {
  const clock = createVirtualClock();
  let latest: FleetStatus | LockstepError | null = null;
  let number = 0;
  let wake = () => {};
  const counted = { watches: 0, histories: 0, explanations: 0 };
  const feed: Feed = createFeed({
    clock,
    instance: "i",
    of: things,
    fleet: {
      async *watch({ signal } = {}) {
        counted.watches += 1;
        signal?.addEventListener("abort", () => wake());
        for (let yielded = -1; !signal?.aborted; ) {
          if (latest instanceof LockstepError) throw latest;
          if (latest && yielded !== number) yield latest;
          yielded = number;
          if (signal?.aborted) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      },
      film: async () => filmWith({ upgrade: ["waiting"] }),
      async explain() {
        counted.explanations += 1;
        return explanation;
      },
      async history() {
        counted.histories += 1;
        return [];
      },
    },
  });
  onTestFinished(() => feed.close());
  return {
    feed,
    counted,
    advance: clock.advance,
    async see(...seen: (FleetStatus | LockstepError)[]) {
      for (const status of seen) {
        latest = status;
        number += 1;
        wake();
        await clock.advance(limits.dashboardPauseMs);
      }
    },
  };
}

/** A page that keeps what it gets. */
function page(room = Number.POSITIVE_INFINITY) {
  const ids: string[] = [];
  const beats: number[] = [];
  const got = {
    view: emptyView({ name: "", database: "", engine: null }),
    wholes: 0,
    ended: 0,
    ids,
    beats,
  };
  const follower: Follower = {
    send({ id, text }) {
      if (ids.length >= room) return false;
      const frame = JSON.parse(text) as Frame;
      ids.push(id);
      got.wholes += frame.whole ? 1 : 0;
      got.view = withFrame(got.view, frame) as WholeView;
      return true;
    },
    beat: (ageMs) => beats.push(ageMs) > 0,
    end: () => {
      got.ended += 1;
    },
  };
  return { ...got, follower, got };
}

const inState = (state: string) => statusWith({ upgrade: upgradeWith({ state }) });

test("a page that comes back gets what it has missed, once", async () => {
  const { feed, see } = stage();
  const first = page();
  const leave = feed.follow(first.follower);
  await see(inState("waiting"), inState("backing-up"));
  leave();
  const other = page();
  feed.follow(other.follower);
  await see(inState("rehearsing"), inState("migrating"));
  const again = page();
  again.got.view = first.got.view;
  feed.follow(again.follower, first.ids.at(-1));
  await see(inState("awaiting-peers"));
  expect(first.ids).toEqual(["i-0", "i-1", "i-2"]);
  expect(again.ids).toEqual(["i-3", "i-4", "i-5"]);
  expect(again.got.wholes).toBe(0);
  expect(again.got.view).toEqual(other.got.view);
});

test("a page that followed another process, or was away for too long, gets a whole view", async () => {
  const { feed, see } = stage();
  feed.follow(page().follower);
  await see(inState("waiting"));
  const foreign = page();
  feed.follow(foreign.follower, "another-1");
  expect([foreign.got.wholes, foreign.ids]).toEqual([1, ["i-1"]]);
  for (let index = 0; index <= limits.dashboardFramesKept; index += 1) {
    await see(statusWith({ upgrade: upgradeWith({ batches: index }) }));
  }
  const late = page();
  feed.follow(late.follower, "i-1");
  expect(late.got.wholes).toBe(1);
  expect(late.got.view.upgrade?.batches).toBe(limits.dashboardFramesKept);
});

test("one page more than the limit is refused, and a free place is given again", () => {
  const { feed } = stage();
  const leaves = Array.from({ length: limits.dashboardStreamsMax }, () =>
    feed.follow(page().follower),
  );
  expect(() => feed.follow(page().follower)).toThrow(
    expect.objectContaining({ code: "too-many-requests" }),
  );
  leaves[0]?.();
  feed.follow(page().follower);
});

test("a page that does not read is dropped, and the others go on", async () => {
  const { feed, see } = stage();
  const [slow, quick] = [page(2), page()];
  feed.follow(slow.follower);
  feed.follow(quick.follower);
  await see(inState("waiting"), inState("backing-up"), inState("rehearsing"));
  expect([slow.got.ended, slow.ids.length]).toEqual([1, 2]);
  expect(quick.got.view.upgrade?.state).toBe("rehearsing");
});

test("nobody follows, and nothing is read; the history is read for each state once", async () => {
  const { feed, see, counted, advance } = stage();
  await advance(10_000);
  expect(counted.watches).toBe(0);
  const leave = feed.follow(page().follower);
  await see(inState("waiting"), inState("waiting"), inState("migrating"));
  expect(counted).toEqual({ watches: 1, histories: 2, explanations: 0 });
  leave();
  await see(inState("done"));
  expect(feed.view.upgrade?.state).toBe("migrating");
});

test("an upgrade in trouble is explained, once for each trouble", async () => {
  const { feed, see, counted } = stage();
  const { follower, got } = page();
  feed.follow(follower);
  const silent = [{ agent: "a3", until: at + 5 }];
  const late = statusWith({ upgrade: upgradeWith({ silent }) });
  await see(inState("migrating"), late, { ...late, now: at + 1 });
  expect([got.view.explanation, counted.explanations]).toEqual([explanation, 1]);
  const reason = { code: "timeout", message: "late", details: {} };
  await see(statusWith({ upgrade: upgradeWith({ silent, reason }) }), inState("migrating"));
  expect([got.view.explanation, counted.explanations]).toEqual([null, 2]);
});

test("trouble is shown beside the last view, and goes by itself", async () => {
  const { feed, see, advance } = stage();
  const { follower, got } = page();
  feed.follow(follower);
  await see(inState("waiting"), new LockstepError("no-version", "mongodb://u:secret@h: none"));
  expect(got.view.trouble).toEqual({ code: "no-version", message: "mongodb://***@h: none" });
  expect(got.view.upgrade?.state).toBe("waiting");
  await see(inState("migrating"));
  await advance(limits.dashboardRetryMs);
  expect(got.view.trouble).toBeNull();
});

test("a beat says how old the last reading is", async () => {
  const { feed, see, advance } = stage();
  const { follower, beats } = page();
  feed.follow(follower);
  await see(statusWith({ now: at }));
  await advance(2 * limits.dashboardBeatMs);
  expect(beats.length).toBe(2);
  expect(beats.at(-1)).toBeGreaterThan(limits.dashboardBeatMs);
});
