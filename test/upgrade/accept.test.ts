// Aim: what may not be accepted is refused with its code, before anything is written.
import { expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import { deadlinesDefault, decideAcceptance } from "../../src/upgrade/accept.ts";
import type { AgentRecord } from "../../src/upgrade/agents.ts";
import { from, record, to } from "./facts.ts";

const nowMs = 1_000_000;
const present = (agent: string, more: Partial<AgentRecord> = {}) =>
  record(agent, { lastSeenAt: nowMs, ...more });
const rest = { agentVersion: from, databaseVersion: from, upgrade: null, generation: 7 };
const decide = (more: Partial<Parameters<typeof decideAcceptance>[0]>) =>
  decideAcceptance({
    versions: rest,
    agents: [present("a1"), present("a2")],
    to,
    deadlines: {},
    nowMs,
    ...more,
  });
const refuses = (more: Partial<Parameters<typeof decide>[0]>, code: string, words: string) =>
  expect(() => decide(more)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(words) }),
  );

test("accepted: the next generation, the state servers, the deadlines with those named", () => {
  const machine = present("m1", { role: "machine", lastSeenAt: 0 });
  const input = decide({
    agents: [present("a1"), present("a2"), machine],
    deadlines: { peersMs: 5 },
  });
  expect(input).toEqual({
    upgrade: "u000008",
    from,
    to,
    required: [
      { agent: "a1", role: "state-server" },
      { agent: "a2", role: "state-server" },
    ],
    deadlines: { ...deadlinesDefault, peersMs: 5 },
    acceptedAt: nowMs,
  });
});

test("a target that is no version, equal, or lower", () => {
  refuses({ to: "next" }, "version-not-semver", "next");
  refuses({ to: from }, "version-not-higher", from);
  refuses({ to: "0.9.0" }, "version-not-higher", "0.9.0");
});

test("a second upgrade", () => {
  refuses({ versions: { ...rest, upgrade: "u000007" } }, "upgrade-active", "abort");
});

test("a state server that is silent, on another version, in debt; none at all", () => {
  const stale = nowMs - limits.heartbeatStaleMs - 1;
  refuses({ agents: [present("a1"), record("a2", { lastSeenAt: stale })] }, "peers-missing", "a2");
  refuses({ agents: [present("a1", { version: "0.9.0" })] }, "peers-missing", "a1");
  refuses({ agents: [present("a1", { owes: "u000006" })] }, "peers-missing", "a1");
  refuses({ agents: [] }, "peers-missing", "all");
});

test("a version that is not installed everywhere", () => {
  refuses({ agents: [present("a1"), present("a2", { startable: [from] })] }, "cannot-start", "a2");
});
