import { limits } from "../limits.ts";
import { type CannotStart, exitForVersionChange } from "./agent-side.ts";

/** The launcher's memory between two starts. */
export interface LauncherState {
  /** The version that is running, or was last. */
  readonly version: string;
  /** What to fall back to when `version` does not come up. */
  readonly previous: string;
  /** Starts of `version` in a row that did not report ready, or died soon after. */
  readonly failures: number;
  /** Ends of `version` in a row for want of a database. */
  readonly aways: number;
  /** This process reported ready. */
  readonly ready: boolean;
  readonly cannotStart: CannotStart | null;
}

export type LauncherEvent =
  | { readonly type: "ready" }
  | {
      readonly type: "ended";
      readonly code: number | null;
      readonly signal: string | null;
      readonly wanted: string;
      /** Why the version that ended hands over to the one that is wanted, where it does. */
      readonly because?: CannotStart | null;
      /** It had been ready for a while: a version that dies right after it is no better than one that does not come up. */
      readonly isSettled: boolean;
      /** It could not reach the database, and said so. */
      readonly isAway: boolean;
    }
  | { readonly type: "timed-out" }
  | { readonly type: "not-installed" };

export interface Decision {
  readonly state: LauncherState;
  /** Start `state.version` after the delay, or end with an exit code, or just go on. */
  readonly action:
    | { readonly kind: "go-on" }
    | { readonly kind: "start"; readonly delayMs: number }
    | { readonly kind: "exit"; readonly code: number };
}

function cannotStart(version: string, why: string): CannotStart {
  return {
    code: "cannot-start",
    message: `${version} does not come up on this host: ${why}`,
    details: { version },
  };
}

function afterFailure(state: LauncherState, why: string): Decision {
  const failures = state.failures + 1;
  const delayMs = limits.launcherRestartDelayMs * failures;
  if (failures < limits.launcherStartsMax) {
    return { state: { ...state, failures, ready: false }, action: { kind: "start", delayMs } };
  }
  if (state.previous === state.version) {
    // Nothing to fall back to: whoever supervises the launcher decides.
    return { state: { ...state, failures }, action: { kind: "exit", code: 1 } };
  }
  return {
    state: {
      version: state.previous,
      previous: state.previous,
      failures: 0,
      aways: 0,
      ready: false,
      cannotStart: cannotStart(state.version, why),
    },
    action: { kind: "start", delayMs: 0 },
  };
}

/** The upgrade to a version that is kept has ended: there is no way back from it any more. Pure. */
export function afterKeeping(state: LauncherState, kept: string | undefined): LauncherState {
  return kept === state.version ? { ...state, previous: state.version } : state;
}

/** Decides the next action after an event of the child. Pure. */
export function decide(state: LauncherState, event: LauncherEvent): Decision {
  switch (event.type) {
    case "ready":
      return {
        state: { ...state, ready: true },
        action: { kind: "go-on" },
      };
    case "timed-out":
      // Hanging once is enough: hanging again would only cost time that the fleet waits for.
      return afterFailure(
        { ...state, failures: limits.launcherStartsMax },
        "it never reported ready",
      );
    case "not-installed":
      return afterFailure(
        { ...state, failures: limits.launcherStartsMax },
        "it is not in the versions file: install it, then restart the agent",
      );
    case "ended": {
      if (event.code === exitForVersionChange && event.wanted !== state.version) {
        return {
          state: {
            version: event.wanted,
            // A version that has handed over is nothing to fall back to.
            previous: event.because ? event.wanted : state.version,
            failures: 0,
            aways: 0,
            ready: false,
            cannotStart: event.because ?? null,
          },
          action: { kind: "start", delayMs: 0 },
        };
      }
      if (event.code === 0) return { state, action: { kind: "exit", code: 0 } };
      // For a while: one that can never connect is told apart from an outage by time alone.
      if (event.isAway && state.aways < limits.launcherAwaysMax) {
        return {
          state: { ...state, ready: false, aways: state.aways + 1 },
          action: { kind: "start", delayMs: limits.launcherAwayDelayMs },
        };
      }
      if (state.ready && event.isSettled) {
        // It has told long ago what it was started instead of: a next upgrade tries that for itself.
        return {
          state: { ...state, ready: false, failures: 0, aways: 0, cannotStart: null },
          action: { kind: "start", delayMs: limits.launcherRestartDelayMs },
        };
      }
      return afterFailure(state, `it ended with ${event.signal ?? `code ${event.code}`}`);
    }
  }
}
