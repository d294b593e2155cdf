// Aim: a request to pause or to resume is answered by the state that the upgrade is in: with an event, with
// an answer alone, or with a refusal that says what to do instead. Method: a table over the pure decisions.
import { describe, expect, test } from "vitest";
import type { UpgradeContext, UpgradeEvent } from "../../../machines/upgrade-context.ts";
import type { Entry } from "../../../src/journal/store.ts";
import { viewOf } from "../../../src/upgrade/fleet-journal.ts";
import { decidePause, decideResume } from "../../../src/upgrade/protocol/pausing.ts";
import { coordinator, ways } from "./facts.ts";

const pauseRequested: UpgradeEvent = { type: "pauseRequested", why: "a look" };
const resumeRequested: UpgradeEvent = { type: "resumeRequested" };
const inState = (state: string, ...more: readonly UpgradeEvent[]) =>
  viewOf<UpgradeContext>(coordinator([...(ways[state] ?? []), ...more]).at(-1) as Entry);

describe("a pause", () => {
  test.each(["waiting", "backing-up", "rehearsing"])(
    "in %s begins before the first batch",
    (state) => {
      const { event, message } = decidePause(inState(state), "a look");
      expect(event).toEqual(pauseRequested);
      expect(message).toContain("before the first batch");
    },
  );

  test.each([
    [90 * 60_000, "1 h 30 min"],
    [8_000, "8.0 s"],
  ])(
    "in migrating begins after the batch under way, and says how long it lasts: %i ms",
    (pausedMs, words) => {
      const view = inState("migrating");
      const deadlines = { ...view.context.deadlines, pausedMs };
      const { event, message } = decidePause(
        { ...view, context: { ...view.context, deadlines } },
        "a look",
      );
      expect(event).toEqual(pauseRequested);
      expect(message).toMatch(/after the batch or the definition.*gates stay shut/);
      expect(message).toContain(`within ${words} of its beginning`);
    },
  );

  test.each(["waiting", "backing-up", "rehearsing", "migrating"])(
    "that is asked for again in %s is one pause",
    (state) => {
      expect(decidePause(inState(state, pauseRequested), "another").event).toBeNull();
    },
  );

  test("that has begun is not begun again: its deadline stays", () => {
    const { event, message } = decidePause(inState("paused"), "another");
    expect([event, message]).toEqual([
      null,
      expect.stringContaining("paused already, and its deadline stays"),
    ]);
  });

  test.each([
    ["awaiting-peers", "lockstep abort"],
    ["rolling-back", "let it end"],
    ["blocked", "lockstep retry"],
  ])("is refused in %s, with the way out", (state, wayOut) => {
    const refused = expect.objectContaining({
      code: "wrong-state",
      message: expect.stringContaining(wayOut),
    });
    expect(() => decidePause(inState(state), "a look")).toThrow(refused);
  });
});

describe("a resumption", () => {
  test("goes on from paused", () => {
    expect(decideResume(inState("paused")).event).toEqual(resumeRequested);
  });

  test.each(["waiting", "backing-up", "rehearsing", "migrating"])(
    "withdraws a pause that is only asked for in %s",
    (state) => {
      const { event, message } = decideResume(inState(state, pauseRequested));
      expect([event, message]).toEqual([resumeRequested, expect.stringContaining("withdrawn")]);
    },
  );

  test.each(Object.keys(ways).filter((state) => state !== "paused"))(
    "of what is not paused is refused: %s",
    (state) => {
      const refused = expect.objectContaining({ code: "wrong-state" });
      expect(() => decideResume(inState(state))).toThrow(refused);
    },
  );

  test("does not come back on the way back", () => {
    const aborted: UpgradeEvent = { type: "abortRequested", why: "" };
    const refused = expect.objectContaining({ code: "wrong-state" });
    expect(() => decideResume(inState("paused", aborted))).toThrow(refused);
  });
});
