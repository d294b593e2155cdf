// Aim: a launcher neither gives up too early nor starts a broken build for ever. Method: the pure
// decision, by example and by random histories.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decide, type LauncherEvent, type LauncherState } from "../../src/launcher/decide.ts";
import { limits } from "../../src/limits.ts";

const state: LauncherState = {
  version: "1.1.0",
  previous: "1.0.0",
  failures: 0,
  ready: false,
  cannotStart: null,
};
const crash: LauncherEvent = { type: "ended", code: 9, signal: null, wanted: "1.1.0" };

describe("decide", () => {
  test("the version wanted is started after exit 75, the old one remembered", () => {
    const event: LauncherEvent = { type: "ended", code: 75, signal: null, wanted: "1.2.0" };
    const { state: next, action } = decide({ ...state, ready: true }, event);
    expect(next).toMatchObject({ version: "1.2.0", previous: "1.1.0", cannotStart: null });
    expect(action).toEqual({ kind: "start", delayMs: 0 });
  });

  test("one that never comes up falls back, with the reason", () => {
    const { state: next } = decide(state, { type: "timed-out" });
    expect(next.version).toBe("1.0.0");
    expect(next.cannotStart).toMatchObject({ code: "cannot-start", details: { version: "1.1.0" } });
  });

  test("a crash after ready starts the same again; a clean end ends the launcher", () => {
    expect(decide({ ...state, ready: true }, crash).state.version).toBe("1.1.0");
    const clean: LauncherEvent = { type: "ended", code: 0, signal: null, wanted: "1.1.0" };
    expect(decide(state, clean).action).toEqual({ kind: "exit", code: 0 });
  });

  test("never more failed starts of one version in a row than the limit", () => {
    const events = fc.array(
      fc.constantFrom<LauncherEvent>(crash, { type: "timed-out" }, { type: "ready" }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(events, (history) => {
        let now = state;
        let failed = 0;
        for (const event of history) {
          const before = now.version;
          const { state: next, action } = decide(now, event);
          failed = event.type === "ready" || before !== next.version ? 0 : failed + 1;
          if (now.ready) failed = 0;
          expect(failed).toBeLessThanOrEqual(limits.launcherStartsMax);
          if (action.kind === "exit") return;
          now = next;
        }
      }),
    );
  });
});
