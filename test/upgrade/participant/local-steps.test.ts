// Aim: local steps run at least once, their before-images are durable first, and an undo puts back what
// was, however often either is cut short. Method: real files, a process "dying" at each durable write.
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../../src/log.ts";
import { type FaultPoints, noFaults } from "../../../src/ports/fault-point.ts";
import { createLocalJournal } from "../../../src/upgrade/participant/local/local-journal.ts";
import {
  localStepsOf,
  runLocalSteps,
  undoLocalSteps,
} from "../../../src/upgrade/participant/local/local-steps.ts";
import type { LocalStep } from "../../../src/upgrade/protocol/steps.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-local-"));
  await createLocalJournal(root, noFaults).setStepsVersion(from);
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

const [upgradeId, from, to] = ["u000002", "1.0.0", "1.1.0"];
const path = (name: string) => join(root, name);
const exists = (name: string) =>
  access(path(name)).then(
    () => true,
    () => false,
  );
const ran: string[] = [];
const step = (name: string, run: LocalStep["run"], more: Partial<LocalStep> = {}): LocalStep => ({
  name,
  version: to,
  target: "AllMachines",
  description: name,
  async run(context) {
    ran.push(`${name}#${context.attempt}`);
    await run(context);
  },
  ...more,
});
const steps: readonly LocalStep[] = [
  step("configuration", async (context) => {
    await context.keep(path("old.conf"));
    await context.keep(path("new.conf"));
    await writeFile(path("old.conf"), "after");
    await writeFile(path("new.conf"), "after");
  }),
  step("registered", () => writeFile(path("registered"), ""), {
    revert: () => rm(path("registered"), { force: true }),
  }),
];

function run(
  faultPoints: FaultPoints = noFaults,
  given: readonly LocalStep[] = steps,
  signal?: AbortSignal,
  effect = "participant/a1/u000002/5/0",
) {
  return {
    effect,
    isFirstTry: true,
    journal: createLocalJournal(root, faultPoints),
    steps: given,
    role: "state-server" as const,
    upgradeId,
    from,
    to,
    now: new Date(0),
    dataDirectory: root,
    signal: signal ?? new AbortController().signal,
    overtime: new AbortController().signal,
    log: silentLog,
  };
}

class Died extends Error {}
/** Dies at the n-th durable write: before it, or after it. */
function dying(at: number, after: boolean): FaultPoints & { readonly count: () => number } {
  let writes = 0;
  return {
    count: () => writes,
    async write(_name, action) {
      writes += 1;
      if (writes === at && !after) throw new Died();
      const result = await action();
      if (writes === at) throw new Died();
      return result;
    },
  };
}

beforeEach(async () => {
  ran.length = 0;
  await writeFile(path("old.conf"), "before");
});
const state = async () => ({
  old: await readFile(path("old.conf"), "utf8"),
  new: await exists("new.conf"),
  registered: await exists("registered"),
});
const before = { old: "before", new: false, registered: false };
const after = { old: "after", new: true, registered: true };

test("done once; a second run does nothing; an undo puts all of it back, and again", async () => {
  expect(await runLocalSteps(run())).toEqual({ type: "localStepsDone" });
  expect(await state()).toEqual(after);
  expect(await runLocalSteps(run())).toEqual({ type: "localStepsDone" });
  expect(ran).toEqual(["configuration#1", "registered#1"]);
  expect(await createLocalJournal(root, noFaults).stepsVersion()).toBe(to);
  expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
  expect(await state()).toEqual(before);
  expect(await undoLocalSteps(run(), from)).toEqual({ type: "undone" });
  expect(await state()).toEqual(before);
  expect(await createLocalJournal(root, noFaults).stepsVersion()).toBe(from);
});

test("killed at every durable write of the run, then gone on or undone", async () => {
  const counter = dying(0, false);
  await runLocalSteps(run(counter));
  await undoLocalSteps(run(), to);
  expect(counter.count()).toBeGreaterThanOrEqual(8);
  for (let at = 1; at <= counter.count(); at += 1) {
    for (const late of [false, true]) {
      // A step writes its own files without us: what it wrote is there whenever it ran.
      await runLocalSteps(run(dying(at, late))).catch(() => {});
      expect(await runLocalSteps(run()), `${at} ${late}`).toEqual({ type: "localStepsDone" });
      expect(await state()).toEqual(after);
      await undoLocalSteps(run(), to);
      expect(await state()).toEqual(before);

      await runLocalSteps(run(dying(at, late))).catch(() => {});
      expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
      expect(await state()).toEqual(before);
    }
  }
});

test("killed at every durable write of the undo: the next one ends it", async () => {
  const counter = dying(0, false);
  await runLocalSteps(run());
  await undoLocalSteps(run(counter), to);
  expect(counter.count()).toBeGreaterThanOrEqual(4);
  for (let at = 1; at <= counter.count(); at += 1) {
    for (const late of [false, true]) {
      await runLocalSteps(run());
      await expect(undoLocalSteps(run(dying(at, late)), to)).rejects.toThrow(Died);
      expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
      expect(await state()).toEqual(before);
    }
  }
});

test("a step in which the process died twice is given up; attempts are counted on disk", async () => {
  const never = [step("dies", () => new Promise(() => {}))];
  for (let death = 1; death <= 2; death += 1) {
    const aborted = new AbortController();
    const going = runLocalSteps(run(noFaults, never, aborted.signal));
    going.catch(() => {});
    await expect.poll(() => ran.at(-1)).toBe(`dies#${death}`);
    // The process is gone here: nobody waits for `going`.
  }
  const third = await runLocalSteps(run(noFaults, never));
  expect(third).toMatchObject({ type: "localStepFailed", reason: { code: "step-kills-process" } });
  expect(ran).toHaveLength(2);
  // An operator has mended it and says retry: that is another effect, and it gets its attempts anew.
  const mended = [step("dies", async () => {})];
  const again = run(noFaults, mended, undefined, "participant/a1/u000002/9/0");
  expect(await runLocalSteps(again)).toEqual({ type: "localStepsDone" });
  expect(ran.at(-1)).toBe("dies#1");
});

test("a revert in which the process died twice is given up too, until an operator says retry", async () => {
  const attempts: number[] = [];
  const sticky = [
    step("sticks", async () => {}, {
      revert: (context) => {
        attempts.push(context.attempt);
        return new Promise(() => {});
      },
    }),
  ];
  await runLocalSteps(run(noFaults, sticky));
  for (let death = 1; death <= 2; death += 1) {
    undoLocalSteps(run(noFaults, sticky), to).catch(() => {});
    await expect.poll(() => attempts.length).toBe(death);
  }
  expect(await undoLocalSteps(run(noFaults, sticky), to)).toMatchObject({
    type: "undoFailed",
    reason: { code: "step-kills-process", details: { step: "sticks" } },
  });
  expect(attempts).toEqual([1, 2]);
  const mended = [step("sticks", async () => {}, { revert: async () => {} })];
  const again = run(noFaults, mended, undefined, "participant/a1/u000002/9/0");
  expect(await undoLocalSteps(again, to)).toEqual({ type: "undone" });
});

test("neither a process that is told to stop nor a second try in one process is a death", async () => {
  const waits = [
    step("waits", (context) => {
      const { signal } = context;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    }),
  ];
  let runs = 0;
  const once = async (isFirstTry: boolean, stops: boolean) => {
    const stop = new AbortController();
    const going = runLocalSteps({ ...run(noFaults, waits, stop.signal), isFirstTry });
    runs += 1;
    await expect.poll(() => ran.length).toBe(runs);
    // A process that dies says nothing any more: nobody waits for it.
    if (!stops) return void going.catch(() => {});
    stop.abort(new Error("this process is stopping"));
    await expect(going).rejects.toThrow("stopping");
  };
  for (let restart = 1; restart <= 3; restart += 1) await once(true, true);
  for (const isFirstTry of [true, false, false]) await once(isFirstTry, false);
  expect(new Set(ran)).toEqual(new Set(["waits#1"]));
});

test("a step that stops too late for its deadline, as its process leaves, has failed by its time-out", async () => {
  const slow = [
    step("slow", async ({ signal }) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => setImmediate(resolve), { once: true });
      });
    }),
  ];
  const [stop, late] = [new AbortController(), new AbortController()];
  const going = runLocalSteps({ ...run(noFaults, slow, stop.signal), overtime: late.signal });
  await expect.poll(() => ran.at(-1)).toBe("slow#1");
  late.abort(new Error("it was not done in 4000 ms"));
  stop.abort(new Error("this process is leaving"));
  await expect(going).rejects.toThrow("leaving");
  expect(await runLocalSteps(run(noFaults, slow))).toMatchObject(timedOut);
  expect(ran).toEqual(["slow#1"]);
});

const timedOut = {
  reason: { code: "timeout", message: expect.stringContaining("it was not done in 4000 ms") },
};
const written = async () => (await createLocalJournal(root, noFaults).read(upgradeId))?.running;

test("a step that ignores its signal has failed by its time-out, though its process ends in it; what it keeps late is put back", async () => {
  let goOn = () => {};
  const deaf = [
    step("deaf", async ({ keep }) => {
      await keep(path("new.conf"));
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      await keep(path("old.conf"));
      await writeFile(path("old.conf"), "after");
      await new Promise(() => {});
    }),
  ];
  const late = new AbortController();
  void runLocalSteps({ ...run(noFaults, deaf), overtime: late.signal });
  await expect
    .poll(async () => (await createLocalJournal(root, noFaults).read(upgradeId))?.kept.length)
    .toBe(1);
  late.abort(new Error("it was not done in 4000 ms"));
  await expect.poll(written).toMatchObject({ attempt: 1, timedOut: "it was not done in 4000 ms" });
  goOn();
  await expect.poll(async () => (await state()).old).toBe("after");
  // The process has left. The next one goes on with the same effect, and does not try the step again.
  expect(await runLocalSteps(run(noFaults, deaf))).toMatchObject(timedOut);
  expect(ran).toEqual(["deaf#1"]);
  // An operator has mended it and says retry: that is another effect.
  const mended = [step("deaf", async () => {})];
  const again = run(noFaults, mended, undefined, "participant/a1/u000002/9/0");
  expect(await runLocalSteps(again)).toEqual({ type: "localStepsDone" });
  expect(await undoLocalSteps(run(noFaults, mended), to)).toEqual({ type: "undone" });
  expect(await state()).toEqual(before);
});

test("a revert that ignores its signal has failed by its time-out, though its process ends in it", async () => {
  const deaf = [step("deaf", async () => {}, { revert: () => new Promise(() => {}) })];
  await runLocalSteps(run(noFaults, deaf));
  const late = new AbortController();
  void undoLocalSteps({ ...run(noFaults, deaf), overtime: late.signal }, to);
  await expect.poll(written).toMatchObject({ step: "deaf", attempt: 1 });
  late.abort(new Error("it was not done in 4000 ms"));
  await expect.poll(written).toMatchObject({ timedOut: "it was not done in 4000 ms" });
  expect(await undoLocalSteps(run(noFaults, deaf), to)).toMatchObject({
    type: "undoFailed",
    ...timedOut,
  });
});

test("files that are kept at the same time are each put back as they were", async () => {
  const names = ["one", "two", "three"];
  for (const name of names) await writeFile(path(name), name);
  const together = [
    step("together", async ({ keep }) => {
      await Promise.all(names.map((name) => keep(path(name))));
      for (const name of names) await writeFile(path(name), "after");
    }),
  ];
  expect(await runLocalSteps(run(noFaults, together))).toEqual({ type: "localStepsDone" });
  expect(await undoLocalSteps(run(noFaults, together), to)).toEqual({ type: "undone" });
  for (const name of names) expect(await readFile(path(name), "utf8")).toBe(name);
});

test.each(["a link", "a folder"])(
  "%s cannot be kept: the step fails, awaited or not",
  async (kind) => {
    if (kind === "a link") await symlink(path("old.conf"), path("odd"));
    else await mkdir(path("odd"));
    for (const isAwaited of [true, false]) {
      const keeps = [
        step("keeps", async ({ keep }) => {
          const kept = keep(path("odd"));
          if (isAwaited) await kept;
        }),
      ];
      expect(await runLocalSteps(run(noFaults, keeps))).toMatchObject({
        type: "localStepFailed",
        reason: {
          code: "step-failed",
          message: expect.stringContaining("expected a file or nothing"),
        },
      });
    }
  },
);

test("a host that does not know its version runs the steps of all versions, and an undo forgets it again", async () => {
  const journal = createLocalJournal(root, noFaults);
  await journal.forgetStepsVersion();
  const earlier = step("earlier", async () => {}, { version: "0.5.0" });
  const all = [...steps, earlier];
  expect(await runLocalSteps(run(noFaults, all))).toEqual({ type: "localStepsDone" });
  expect(ran).toEqual(["earlier#1", "configuration#1", "registered#1"]);
  expect(await journal.stepsVersion()).toBe(to);
  expect(await undoLocalSteps(run(noFaults, all), to)).toEqual({ type: "undone" });
  expect(await state()).toEqual(before);
  expect(await journal.stepsVersion()).toBe(undefined);
});

test("a host that was provisioned at the new version runs no step, and stays at it", async () => {
  const journal = createLocalJournal(root, noFaults);
  await journal.setStepsVersion(to, { isDeclared: true });
  expect(await runLocalSteps(run())).toEqual({ type: "localStepsDone" });
  expect(ran).toEqual([]);
  expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
  expect(await journal.stepsVersion()).toBe(to);
});

test("an undo with nothing to undo says which version's files there are", async () => {
  expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
  const journal = createLocalJournal(root, noFaults);
  expect(await journal.stepsVersion()).toBe(from);
  // Those of a host that missed an upgrade before this one are older, and stay so.
  await journal.setStepsVersion("0.9.0");
  expect(await undoLocalSteps(run(), from)).toEqual({ type: "undone" });
  expect(await journal.stepsVersion()).toBe("0.9.0");
  await journal.setStepsVersion(to);
  expect(await undoLocalSteps(run(), to)).toEqual({ type: "undone" });
  expect(await journal.stepsVersion()).toBe(from);
});

test("a step that throws is a typed failure that names it; a failing revert too", async () => {
  const throws = [step("refuses", () => Promise.reject(new Error("no room")))];
  expect(await runLocalSteps(run(noFaults, throws))).toMatchObject({
    type: "localStepFailed",
    reason: {
      code: "step-failed",
      message: expect.stringContaining("no room"),
      details: { step: "refuses" },
    },
  });
  const cannot = [
    step("sticks", async () => {}, { revert: () => Promise.reject(new Error("stuck")) }),
  ];
  await createLocalJournal(root, noFaults).forget(upgradeId);
  await runLocalSteps(run(noFaults, cannot));
  expect(await undoLocalSteps(run(noFaults, cannot), to)).toMatchObject({
    type: "undoFailed",
    reason: { details: { step: "sticks" } },
  });
});

test("a machine agent runs the steps of all machines only", () => {
  const both = [
    step("all", async () => {}),
    step("servers", async () => {}, { target: "StateServer" }),
  ];
  const names = (role: "machine" | "state-server") =>
    localStepsOf(both, from, to, role).map(({ name }) => name);
  expect(names("machine")).toEqual(["all"]);
  expect(names("state-server")).toEqual(["all", "servers"]);
});
