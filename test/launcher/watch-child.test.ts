// Aim: a launcher ends a child that is late, and no child that waits for others. Method: a child of words, in virtual time.
import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { ChildWatch } from "../../src/launcher/watch-child.ts";
import { limits } from "../../src/limits.ts";
import type { ChildProcess } from "../../src/ports/process.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

function world() {
  const clock = createVirtualClock();
  const kills: string[] = [];
  const child = Object.assign(new EventEmitter(), {
    ...{ exitCode: null, signalCode: null },
    kill: (signal: string) => kills.push(`${signal} at ${clock.monotonicMs()}`),
  });
  const names: string[] = [];
  const watch = new ChildWatch(child as unknown as ChildProcess, clock, (name) => names.push(name));
  const stopping = new AbortController();
  const ended = watch.untilEnded(10_000, stopping.signal);
  const say = (message: object) => child.emit("message", message);
  return { clock, kills, names, ended, say, stopping, end: () => child.emit("exit", 0, null) };
}

test("a child that waits for others has its full time again, as often as it says so", async () => {
  const { clock, kills, names, ended, say, end } = world();
  say({ type: "agent", agent: "a1" });
  for (let count = 0; count < 20; count += 1) {
    say({ type: "waiting" });
    await clock.advance(9_000);
  }
  expect([kills, names]).toEqual([[], ["a1"]]);
  await clock.advance(10_000);
  expect(kills).toEqual(["SIGTERM at 190000"]);
  end();
  expect(await ended).toMatchObject({ isTimedOut: true, wasReady: false });
});

test("a child that ends as it opens has not settled, however long it was ready", async () => {
  const { clock, ended, say, end } = world();
  say({ type: "ready" });
  await clock.advance(60_000);
  say({ type: "opening", state: "begun" });
  await clock.advance(60_000);
  end();
  expect(await ended).toMatchObject({ isSettled: false, hasServed: false });
});

test("a child settles once it has served for a while; an opening that failed takes nothing away", async () => {
  const [one, other] = [world(), world()];
  for (const { say } of [one, other]) say({ type: "ready" });
  one.say({ type: "opening", state: "begun" });
  one.say({ type: "opening", state: "done" });
  other.say({ type: "opening", state: "begun" });
  other.say({ type: "opening", state: "failed" });
  for (const { clock, end } of [one, other]) {
    await clock.advance(limits.launcherSettledMs);
    end();
  }
  expect(await one.ended).toMatchObject({ isSettled: true, hasServed: true });
  expect(await other.ended).toMatchObject({ isSettled: true, hasServed: false });
});

test("a drain has its limit, and none once it has ended", async () => {
  const { clock, kills, ended, say, end } = world();
  say({ type: "ready" });
  say({ type: "draining", limitMs: 1_000 });
  say({ type: "drained" });
  await clock.advance(60_000);
  expect(kills).toEqual([]);
  say({ type: "draining", limitMs: 1_000 });
  await clock.advance(1_000 + limits.launcherDrainGraceMs);
  expect(kills).toEqual([`SIGKILL at ${61_000 + limits.launcherDrainGraceMs}`]);
  end();
  expect(await ended).toMatchObject({ code: 71, signal: null, isSettled: true });
});

test("a stop waits for a drain, and ends by force what neither drains nor ends", async () => {
  const { clock, kills, say, stopping, ended, end } = world();
  say({ type: "ready" });
  say({ type: "draining", limitMs: 40_000 });
  stopping.abort();
  await clock.advance(40_000);
  expect(kills).toEqual(["SIGTERM at 0"]);
  say({ type: "drained" });
  await clock.advance(limits.launcherStopGraceMs);
  expect(kills).toEqual(["SIGTERM at 0", "SIGKILL at 50000"]);
  end();
  await ended;
});
