// Aim: the five answers, for each situation in which an operator opens the page.
import { expect, test } from "vitest";
import { answersOf } from "../../src/dashboard/http/answers.ts";
import { agentWith, at, statusWith, upgradeWith } from "./fleet-status.ts";

test("a migration under way", () => {
  expect(answersOf(statusWith())).toEqual({
    state: {
      words: "migrating",
      detail: "1.0.0 → 1.1.0",
      since: at - 10_000,
      until: null,
      alarm: false,
    },
    driver: { words: "a1", detail: "epoch 2", since: null, until: null, alarm: false },
    waits: { words: "master", detail: "", since: null, until: null, alarm: false },
    next: {
      words: "the local steps of every agent",
      detail: "roll-back and restore when a step fails",
      ...{ since: null, until: at + 590_000, alarm: false },
    },
    stop: {
      words: "lockstep abort",
      detail: "the fleet goes back to the version before",
      ...{ since: null, until: null, alarm: false },
    },
  });
});

test("no upgrade, no master, no agents", () => {
  const answers = answersOf(statusWith({ upgrade: null, master: null, agents: [] }));
  expect(Object.values(answers).map(({ words }) => words)).toEqual([
    ...["no upgrade yet", "no master yet", "nothing", "nothing", "nothing to stop"],
  ]);
  expect(Object.values(answers).some(({ alarm }) => alarm)).toBe(false);
});

test("a master that is silent, or whose lease ran out, or that has given it up", () => {
  const driver = (over: Parameters<typeof statusWith>[0]) => answersOf(statusWith(over)).driver;
  expect(driver({ agents: [agentWith({ silent: true })] })).toMatchObject({
    ...{ words: "a1", until: at + 9_000, alarm: true },
  });
  const master = { agent: "a1", epoch: 2, live: false, renewedAt: null, leaseUntil: at - 5 };
  expect(driver({ master })).toMatchObject({ words: "no master", since: at - 5, alarm: true });
  expect(driver({ master: { ...master, leaseUntil: null } })).toMatchObject({
    ...{ words: "no master", alarm: false },
  });
});

test("a silent agent, an upgrade that is blocked, and agents that do not serve after the end", () => {
  const waits = (over: Parameters<typeof upgradeWith>[0]) =>
    answersOf(statusWith({ upgrade: upgradeWith(over) }));
  expect(waits({ silent: [{ agent: "a3", until: at + 7 }] }).waits).toMatchObject({
    ...{ until: at + 7, alarm: true, detail: "a3 silent; the fleet turns back" },
  });
  const blocked = waits({
    ...{ state: "blocked", waitingFor: ["operator"], until: null },
    howToStop: "nothing: it is on its way back, and `lockstep retry` goes on",
  });
  expect(blocked.state.alarm && blocked.waits.alarm).toBe(true);
  expect(blocked.stop).toMatchObject({
    words: "nothing",
    detail: expect.stringContaining("retry"),
  });
  const done = { state: "done", final: true, next: "nothing: the upgrade is committed" };
  expect(
    waits({ ...done, notServing: [{ agent: "a2", why: "it is silent" }] }).waits,
  ).toMatchObject({
    ...{ words: "a2", detail: "a2: it is silent", alarm: true },
  });
  expect(waits(done).waits.detail).toBe("2 of 2 agents serve");
  // Killed long after the end: its record has an open gate for good.
  const agents = [agentWith(), agentWith({ agent: "a2", silent: true })];
  const later = answersOf(statusWith({ upgrade: upgradeWith(done), agents }));
  expect(later.waits.detail).toBe("1 of 2 agents serve");
  expect(answersOf(statusWith({ upgrade: null, agents })).state.detail).toBe(
    "1 of 2 agents serve 1.0.0",
  );
});
