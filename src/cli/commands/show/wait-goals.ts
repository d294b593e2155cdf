import { limits } from "../../../limits.ts";
import { conditionsOf } from "../../../operator/conditions.ts";
import type { FleetStatus } from "../../../operator/status.ts";
import { exitCodeOfState, exitCodes } from "../../exit-codes.ts";

/** The goals for which `lockstep wait` can wait. */
export const goals = ["done", "rolled-back", "ended", "paused", "blocked", "serving"] as const;
export type Goal = (typeof goals)[number];

/** The judgement of a goal: it is reached, can no longer be reached, or is still open. */
export interface Verdict {
  readonly kind: "reached" | "lost" | "open";
  /** The exit code, once the wait is over. */
  readonly exitCode: number;
  readonly text: string;
}

const open: Verdict = { kind: "open", exitCode: exitCodes.done, text: "" };
const reached = (text: string): Verdict => ({ kind: "reached", exitCode: exitCodes.done, text });
const lost = (text: string, exitCode: number): Verdict => ({ kind: "lost", exitCode, text });

/** Judges the end of an upgrade, its pause, or its block, by its state. Pure. */
export function judgeState(goal: Exclude<Goal, "serving">, id: string, state: string): Verdict {
  if (goal === "paused" && state === goal) return reached(`${id} is ${state}`);
  const exitCode = exitCodeOfState(state);
  if (exitCode === undefined) return open;
  const isReached = state === goal || (goal === "ended" && state !== "blocked");
  if (isReached) return reached(`${id} is ${state}`);
  const text = `${id} is ${state}, and \`lockstep explain\` says why`;
  return lost(text, exitCode === exitCodes.done ? exitCodes.failed : exitCode);
}

/**
 * Judges whether every agent serves, and no upgrade is under way. An agent that was just started is silent until it is
 * heard, so an agent ends the wait only after the time of a restart. Pure.
 * @param beganAt when the wait began, by the database's clock
 */
export function judgeServing(status: FleetStatus, beganAt: number): Verdict {
  const { upgrade, agents } = conditionsOf(status);
  const isActive = status.upgrade !== null && !status.upgrade.final;
  const stuck = agents.filter(({ word }) => word === "blocked");
  if (isActive && upgrade?.word === "blocked") {
    return lost("the upgrade is blocked, and `lockstep explain` says why", exitCodes.blocked);
  }
  if (isActive) return open;
  if (stuck.length > 0) {
    if (status.now - beganAt < limits.silentDeadlineMs) return open;
    const names = stuck.map(({ agent, what }) => `${agent} (${what})`).join(", ");
    return lost(`these agents need a person: ${names}`, exitCodes.blocked);
  }
  const isServing = agents.length > 0 && agents.every(({ word }) => word === "active");
  return isServing ? reached(`all ${agents.length} agents serve`) : open;
}
