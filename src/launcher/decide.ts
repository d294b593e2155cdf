import type { Reason } from "../errors.ts";
import { limits } from "../limits.ts";
import { exitForUndrained, exitForVersionChange } from "./agent-side.ts";

/** The launcher's memory between two starts. */
export interface LauncherState {
  /** The version that is running, or was last. */
  readonly version: string;
  /** The version to fall back to when `version` does not come up. */
  readonly previous: string;
  /** The number of starts of `version` in a row that did not report ready, or died soon after. */
  readonly failures: number;
  /** The number of times in a row that `version` ended while it waited for the database or for others. */
  readonly awayEnds: number;
  /** True once this process has reported ready. */
  readonly ready: boolean;
  readonly cannotStart: Reason | null;
  /** Why the next process is started in safe mode, in which its gate stays shut, or null. */
  readonly safeMode: Reason | null;
}

export type LauncherEvent =
  | { readonly type: "ready" }
  | {
      readonly type: "ended";
      readonly code: number | null;
      readonly signal: string | null;
      readonly wanted: string;
      /** Why the version that ended hands over to the wanted one, where it does. */
      readonly because?: Reason | null;
      /**
       * True where it was ready for a while. A version that dies right after it is ready counts as one that does not
       * come up.
       */
      readonly isSettled: boolean;
      /** True where its application has begun. */
      readonly hasServed: boolean;
      /** True where its application was about to begin. */
      readonly isOpening: boolean;
      /** True where it has reported that it waits for the database, an operator or another agent. */
      readonly isAway: boolean;
    }
  | { readonly type: "timed-out" }
  | { readonly type: "not-installed" };

export interface Decision {
  readonly state: LauncherState;
  /** The next action: to start `state.version` after the delay, to end with an exit code, or to go on. */
  readonly action:
    | { readonly kind: "go-on" }
    | { readonly kind: "start"; readonly delayMs: number }
    | { readonly kind: "exit"; readonly code: number };
}

function cannotStart(version: string, why: string): Reason {
  return {
    code: "cannot-start",
    message: `${version} does not come up on this host: ${why}`,
    details: { version },
  };
}

function diesSoon(version: string, why: string): Reason {
  return {
    code: "cannot-start",
    message: `${version} ends soon after it has come up, ${limits.launcherStartsMax} times in a row: ${why}`,
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
    // A version that comes up can lead, and follow an upgrade, as long as its application does not begin.
    if (state.ready && state.safeMode === null) {
      const safeMode = diesSoon(state.version, why);
      return {
        state: { ...state, failures: 0, ready: false, safeMode },
        action: { kind: "start", delayMs },
      };
    }
    // There is no version to fall back to, so the supervisor of the launcher decides.
    return { state: { ...state, failures }, action: { kind: "exit", code: 1 } };
  }
  return {
    state: {
      version: state.previous,
      previous: state.previous,
      failures: 0,
      awayEnds: 0,
      ready: false,
      cannotStart: cannotStart(state.version, why),
      safeMode: null,
    },
    action: { kind: "start", delayMs: 0 },
  };
}

/** The state after an upgrade has ended on a version that stays: there is no way back from it. Pure. */
export function afterKeeping(state: LauncherState, kept: string | undefined): LauncherState {
  return kept === state.version ? { ...state, previous: state.version } : state;
}

/** Decides the next action after the end of the child. Pure. */
function afterEnd(
  state: LauncherState,
  event: Extract<LauncherEvent, { type: "ended" }>,
): Decision {
  const isUndrained = event.code === exitForUndrained;
  if ((isUndrained || event.code === exitForVersionChange) && event.wanted !== state.version) {
    return {
      state: {
        version: event.wanted,
        // A version that has handed over is no version to fall back to.
        previous: event.because ? event.wanted : state.version,
        failures: 0,
        awayEnds: 0,
        ready: false,
        cannotStart: event.because ?? null,
        safeMode: null,
      },
      action: { kind: "start", delayMs: 0 },
    };
  }
  // It had come up. That its application does not drain is no fault of the version.
  if (isUndrained) {
    return {
      state: { ...state, ready: false },
      action: { kind: "start", delayMs: limits.launcherRestartDelayMs },
    };
  }
  if (event.code === 0) return { state, action: { kind: "exit", code: 0 } };
  // Only for a while: time alone tells an outage from a version that can never connect.
  if (event.isAway && state.awayEnds < limits.launcherAwayEndsMax) {
    return {
      state: { ...state, ready: false, awayEnds: state.awayEnds + 1 },
      action: { kind: "start", delayMs: limits.launcherAwayDelayMs },
    };
  }
  if (state.ready && event.isSettled) {
    // The reason was reported long ago. A later upgrade tries that version again.
    return {
      state: {
        ...state,
        ...{ ready: false, failures: 0, awayEnds: 0, cannotStart: null },
        // Where a person had it begin, and it served, it is in safe mode no longer.
        safeMode: event.hasServed ? null : state.safeMode,
      },
      action: { kind: "start", delayMs: limits.launcherRestartDelayMs },
    };
  }
  // A person had it begin, and it could not: it goes on to lead and to follow as before.
  if (state.ready && state.safeMode !== null && event.isOpening) {
    return {
      state: { ...state, ready: false, failures: 0 },
      action: { kind: "start", delayMs: limits.launcherRestartDelayMs },
    };
  }
  return afterFailure(state, `it ended with ${event.signal ?? `code ${event.code}`}`);
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
      // One hang is enough: another would only cost time for which the fleet waits.
      return afterFailure(
        { ...state, ready: false, failures: limits.launcherStartsMax },
        "it never reported ready",
      );
    case "not-installed":
      return afterFailure(
        { ...state, failures: limits.launcherStartsMax },
        "it is not in the versions file: list it there again, then `lockstep retry`",
      );
    case "ended":
      return afterEnd(state, event);
  }
}
