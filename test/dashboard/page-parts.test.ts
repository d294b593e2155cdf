// Aim: the pure parts of the page: the way of an upgrade, the choice of tiles, times, and the stream taken apart.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventText } from "../../src/dashboard/http/event-stream.ts";
import { agentsShown } from "../../src/dashboard/page/figures/agents-shown.ts";
import { count, countdown, part, span } from "../../src/dashboard/page/figures/format.ts";
import { trackOf } from "../../src/dashboard/page/figures/track.ts";
import { readEvents } from "../../src/dashboard/page/state/read-events.ts";
import { viewOf } from "../../src/dashboard/view.ts";
import { agentWith, at, statusWith, things } from "./fleet-status.ts";

const went = (...states: string[]) =>
  states.map((state, index) => ({
    ...{ state, at: index * 1_000 },
    lastedMs: index === states.length - 1 ? null : 1_000,
  }));
const way = (...states: string[]) =>
  trackOf(states.at(-1) ?? "", went(...states)).map(({ state, kind }) => `${state} ${kind}`);

describe("the way of an upgrade", () => {
  test("forward", () => {
    expect(way("waiting", "backing-up")).toEqual([
      ...["waiting past", "backing-up now", "rehearsing ahead", "migrating ahead"],
      ...["awaiting-peers ahead", "done ahead"],
    ]);
  });

  test("without schema steps", () => {
    expect(way("waiting", "awaiting-peers", "done")).toEqual([
      ...["waiting past", "backing-up skipped", "rehearsing skipped", "migrating skipped"],
      ...["awaiting-peers past", "done good"],
    ]);
  });

  test("back, and stuck on the way", () => {
    expect(way("waiting", "backing-up", "rolling-back", "blocked")).toEqual([
      ...["waiting past", "backing-up failed", "rolling-back past", "blocked now"],
      "rolled-back ahead",
    ]);
    expect(way("waiting", "rolling-back", "rolled-back")).toEqual([
      ...["waiting failed", "rolling-back past", "rolled-back back"],
    ]);
  });

  test("with the time of a state that was entered twice", () => {
    const again = went("waiting", "backing-up", "migrating", "backing-up", "rehearsing");
    const times = trackOf("rehearsing", again).map(({ lastedMs }) => lastedMs);
    expect(times).toEqual([1_000, 2_000, null, 1_000, null, null]);
  });
});

describe("the tiles", () => {
  const agents = Array.from({ length: 100 }, (_, index) =>
    agentWith({ agent: `a${index}`, silent: index === 90, blocked: index === 91 ? "disk" : null }),
  );
  const status = statusWith({ agents, upgrade: null, now: at + 1_000 });
  const fleet = Object.values(viewOf(things, status).agents);
  test("of a large fleet begin with those in trouble", () => {
    const { shown, hidden, conditions } = agentsShown(fleet, "", 3);
    expect(shown.map(({ agent }) => agent)).toEqual(["a91", "a90", "a0"]);
    expect(hidden).toBe(97);
    expect(conditions).toEqual([
      ["active", 98],
      ["blocked", 1],
      ["waiting", 1],
    ]);
  });

  test("are searched by name, version, host and condition", () => {
    const found = (search: string) =>
      agentsShown(fleet, search, 60).shown.map((tile) => tile.agent);
    expect(found(" A77")).toEqual(["a77"]);
    expect(found("heartbeat")).toEqual(["a90"]);
    expect(found("nothing like it")).toEqual([]);
  });
});

test("times and numbers for people", () => {
  expect([-1, 59_999, 60_000, 250_000, 7_500_000, 200_000_000].map(span)).toEqual([
    ...["0 s", "59 s", "1 min", "4 min 10 s", "2 h 5 min", "2 d 7 h"],
  ]);
  expect([-5, 8_001, 899_000, 3_600_000].map(countdown)).toEqual([
    ...["0:00", "0:09", "14:59", "1:00:00"],
  ]);
  expect([0, 999, 1_000, 1_234_567].map(count)).toEqual([
    ...["0", "999", "1\u202f000", "1\u202f234\u202f567"],
  ]);
  expect([part(1, 2), part(3, 2), part(1, 0), part(1, null)]).toEqual([0.5, 1, null, null]);
});

test("the stream is read whole, wherever it is cut", async () => {
  const events = [
    { event: "frame", id: "x-1", data: '{"text":"ü → \\n: data"}' },
    { event: "beat", id: null, data: '{"ageMs":1}' },
    { event: "frame", id: "x-2", data: "{}" },
  ];
  const text = events
    .map(({ event, id, data }) => eventText(event, data, id ?? undefined))
    .join("");
  const bytes = new TextEncoder().encode(`: a comment\n\n${text}id: x-3\nevent: frame\ndata: cut`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
      const ends = [...cuts, bytes.length].toSorted((left, right) => left - right);
      async function* chunks() {
        let from = 0;
        for (const end of ends) {
          yield bytes.slice(from, end);
          from = end;
        }
      }
      const read = [];
      for await (const event of readEvents(chunks())) read.push(event);
      expect(read).toEqual(events);
    }),
  );
});
