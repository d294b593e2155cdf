// Aim: a wait ends when its goal is reached, and as soon as it cannot be reached any more.
import { describe, expect, test } from "vitest";
import { judgeServing, judgeState } from "../../src/cli/commands/show/wait-goals.ts";
import type { FleetStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { agentStatus, fleetStatus, statusNow, upgradeStatus } from "../support/fleet-status.ts";

test.each([
  ["done", "done", "reached", 0],
  ["done", "rolled-back", "lost", 6],
  ["done", "blocked", "lost", 7],
  ["done", "migrating", "open", 0],
  ["rolled-back", "rolled-back", "reached", 0],
  ["rolled-back", "done", "lost", 1],
  ["rolled-back", "blocked", "lost", 7],
  ["rolled-back", "rolling-back", "open", 0],
  ["ended", "done", "reached", 0],
  ["ended", "rolled-back", "reached", 0],
  ["ended", "blocked", "lost", 7],
  ["blocked", "blocked", "reached", 0],
  ["blocked", "done", "lost", 1],
  ["blocked", "rolled-back", "lost", 6],
  ["paused", "paused", "reached", 0],
  ["paused", "migrating", "open", 0],
  ["paused", "done", "lost", 1],
  ["paused", "rolled-back", "lost", 6],
  ["paused", "blocked", "lost", 7],
  ["done", "paused", "open", 0],
  ["ended", "paused", "open", 0],
] as const)("for %s, in %s: %s with %d", (goal, state, kind, exitCode) => {
  const verdict = judgeState(goal, "u000002", state);
  expect(verdict).toMatchObject({ kind, exitCode });
  expect(verdict.text.includes("lockstep explain")).toBe(kind === "lost");
});

describe("for serving", () => {
  const judged = (status: FleetStatus, waitedMs: number = limits.silentDeadlineMs) =>
    judgeServing(status, status.now - waitedMs);

  test("each agent serves, and nothing is under way", () => {
    expect(judged(fleetStatus())).toMatchObject({
      kind: "reached",
      text: "all 3 agents serve",
    });
    const ended = upgradeStatus({ final: true, state: "done", waitingFor: [] });
    expect(judged(fleetStatus({ upgrade: ended })).kind).toBe("reached");
  });

  test("an upgrade is under way, an agent opens its gate, or no agent is there yet", () => {
    expect(judged(fleetStatus({ upgrade: upgradeStatus() })).kind).toBe("open");
    const agents = [agentStatus("a1"), agentStatus("a2", { gate: "shut" })];
    expect(judged(fleetStatus({ agents })).kind).toBe("open");
    expect(judged(fleetStatus({ agents: [] })).kind).toBe("open");
  });

  test("somebody has to act", () => {
    const blocked = upgradeStatus({ state: "blocked", waitingFor: ["operator"] });
    expect(judged(fleetStatus({ upgrade: blocked }))).toMatchObject({
      kind: "lost",
      exitCode: 7,
    });
    const agents = [agentStatus("a1"), agentStatus("a2", { blocked: "a full disk" })];
    expect(judged(fleetStatus({ agents }))).toMatchObject({
      ...{ kind: "lost", exitCode: 7 },
      text: "these agents need a person: a2 (a full disk)",
    });
  });

  test("agents that were just started have the time of a restart, and an upgrade has none", () => {
    const down = agentStatus("a2", { silent: true, lastSeenAt: statusNow - 3_600_000 });
    const agents = [agentStatus("a1"), down];
    expect(judged(fleetStatus({ agents }), limits.silentDeadlineMs - 1).kind).toBe("open");
    expect(judged(fleetStatus({ agents }))).toMatchObject({
      ...{ kind: "lost", exitCode: 7, text: "these agents need a person: a2 (it is silent)" },
    });
    const upgrade = upgradeStatus({ state: "blocked", waitingFor: ["operator"] });
    expect(judged(fleetStatus({ upgrade }), 0).kind).toBe("lost");
  });

  test("an agent whose host runs local steps is at work, for however long", () => {
    const agents = [agentStatus("a1"), agentStatus("a2", { gate: "shut", starting: true })];
    expect(judged(fleetStatus({ agents })).kind).toBe("open");
  });
});
