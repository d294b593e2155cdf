import type { Mutant } from "./mutants.ts";

const records = "src/engine/journal/mongo/worker-records.ts";
const append = "src/engine/journal/mongo/append.ts";
const children = "src/engine/worker/work/live-children.ts";
const fences = "test/engine/faults/fences.test.ts";
const store = "test/engine/journal/mongo-store.test.ts";
const simulation = ["test/engine/worker/workers.test.ts", "-t", "from seed 1 on"];

/** Ways to get the public engine wrong. */
export const engineMutants: readonly Mutant[] = [
  {
    name: "a fence that is not touched in the transaction",
    layer: "tests",
    files: [fences, "-t", "before it appends"],
    says: /AssertionError/,
    edits: [
      {
        file: append,
        find: "await workers.touch(fence, session);\n    await journal.insert",
        replace: "await journal.insert",
      },
    ],
  },
  {
    name: "results without the fence of their worker",
    layer: "tests",
    files: ["test/engine/faults/stopped-clock.test.ts", "-t", "call"],
    says: /the refusal/,
    edits: [
      {
        file: "src/engine/worker/worker.ts",
        find: "createAppender(this.#ports.store, () => fence)",
        replace: "createAppender(this.#ports.store)",
      },
    ],
  },
  {
    name: "a fence that is not raised",
    layer: "tests",
    files: [fences, "-t", "before it appends"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/journal/mongo-store.ts",
        find: "await this.#workers.raiseFences(worker, epoch);",
        replace: "",
      },
    ],
  },
  {
    name: "one fence for all sessions of a worker",
    layer: "tests",
    files: [store, "-t", "do not meet at its fence"],
    says: /AssertionError|MongoServerError|LockstepError/,
    edits: [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a source.
      { file: records, find: "return `${worker}/${session}`;", replace: "return `${worker}/1`;" },
    ],
  },
  {
    name: "a fence in force before its session is noted",
    layer: "tests",
    files: [fences, "-t", "came too late"],
    says: /AssertionError/,
    edits: [
      {
        file: records,
        find: "{ epoch: notInForce, appends: 0 }",
        replace: "{ epoch: 1, appends: 0 }",
      },
    ],
  },
  {
    name: "a session that came too late is kept",
    layer: "tests",
    files: [fences, "-t", "while its worker is registered"],
    says: /has taken over from/,
    edits: [
      {
        file: records,
        find: "fenceId(_id, session) });\n      throw fencedOut(fence);",
        replace: "fenceId(_id, session) });",
      },
    ],
  },
  {
    name: "a result that is not bound to its visit",
    layer: "tests",
    files: simulation,
    says: /a result that nobody asked for|left alone/,
    edits: [
      {
        file: "src/engine/worker/work/work-intents.ts",
        find: "tail.work.find((waiting) => waiting.id === id);",
        replace: 'tail.work.find((waiting) => waiting.id.split("/")[0] === id.split("/")[0]);',
      },
    ],
  },
  {
    name: "a timer of a state that was left counts",
    layer: "tests",
    files: ["test/engine/differential/differential.test.ts", "-t", "of seed 1 "],
    says: /step \d+: /,
    edits: [
      {
        file: "src/engine/system/timer-table.ts",
        find: "this.#timers = this.#timers.filter(\n      (timer) => !(timer.cancellable && timer.source === source && timer.sendId === sendId),\n    );",
        replace: "this.#release(source, sendId);",
      },
    ],
  },
  {
    name: "a restart that forgets the timers",
    layer: "tests",
    files: ["test/engine/system/xstate-traps-restore.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/system/live-system.ts",
        find: "system.#timers = new TimerTable(timers);",
        replace: "system.#timers = new TimerTable(timers.slice(0, 0));",
      },
    ],
  },
  {
    name: "a revived child says again what it said at its start",
    layer: "tests",
    files: ["test/engine/differential/differential.test.ts", "-t", "whole engine"],
    says: /step \d+: /,
    edits: [
      {
        file: "src/engine/system/live-system.ts",
        find: "system._relay = () => {};\n    this.#rootActor.start();",
        replace: "this.#rootActor.start();",
      },
    ],
  },
  {
    name: "an unknown outcome counts as refused",
    layer: "tests",
    files: [store, "-t", "whose answer is lost"],
    says: /AssertionError/,
    edits: [
      {
        file: append,
        find: "if (!isNetworkTrouble(error) || isOver || closing.aborted) throw error;",
        replace: 'if (attempt > 0) return entries.map(() => ({ kind: "revision-taken" }));',
      },
    ],
  },
  {
    name: "a key that is not checked",
    layer: "tests",
    files: [store, "-t", "counts once an actor"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/journal/mongo/journal-collection.ts",
        find: "unique: true,",
        replace: "unique: false,",
      },
    ],
  },
  {
    name: "an attempt that is not saved",
    layer: "tests",
    files: ["test/engine/worker/attempts.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/worker/work/run-work.ts",
        find: "await persistently(attempting, () => host.saveAttempt(attempted));",
        replace: "void attempted;",
      },
    ],
  },
  {
    name: "another process's entry in its place counts as one's own",
    layer: "tests",
    files: [store, "-t", "whose revision is taken"],
    says: /AssertionError/,
    edits: [
      {
        file: append,
        find: "if (byId === nonce || byKey === nonce) fates.set(entry, appended);",
        replace: "if (byId !== undefined || byKey === nonce) fates.set(entry, appended);",
      },
    ],
  },
  {
    name: "a lease that ends later for its worker than for the others",
    layer: "tests",
    files: simulation,
    says: /two owners|appended without a right|fences grow/,
    edits: [
      {
        file: "src/engine/worker/lease-loop.ts",
        find: "beganMs + leaseTtlMs - limits.workerLeaseMarginMs;",
        replace: "beganMs + leaseTtlMs + 4 * limits.workerLeaseMarginMs;",
      },
    ],
  },
  {
    name: "a mark that passes entries on their way",
    layer: "tests",
    files: ["test/engine/journal/mongo-server.test.ts", "-t", "transaction was open"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/journal/mongo/journal-collection.ts",
        find: "Math.max(0, nowSeconds - limits.engineSweepMarginSeconds);",
        replace: "Math.max(0, nowSeconds + 1);",
      },
    ],
  },
  {
    name: "a row that goes back",
    layer: "tests",
    files: [store, "-t", "never goes back"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/journal/mongo/actor-rows.ts",
        find: '{ $and: [isSameLife, { $lt: ["$revision", revision] }] },',
        replace: "isSameLife,",
      },
    ],
  },
  {
    name: "an actor that goes on without its migration",
    layer: "tests",
    files: ["test/engine/migration/migration-engine.test.ts"],
    says: /AssertionError|LockstepError/,
    edits: [
      {
        file: "src/engine/actor/actors.ts",
        find: "if (migrated) return { step: migrated, live: undefined };",
        replace: "if (migrated && atMs < 0) return { step: migrated, live: undefined };",
      },
    ],
  },
  {
    name: "compaction of the latest entry",
    layer: "tests",
    files: [store, "-t", "superseded snapshots alone"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/journal/mongo/retention.ts",
        find: "filter: { ...entryIds(actor, from, below), startedAtMs },",
        replace: "filter: { ...entryIds(actor, from, below + 1), startedAtMs },",
      },
    ],
  },
  {
    name: "a report of live work without a key",
    layer: "tests",
    files: ["test/engine/worker/live-work.test.ts"],
    says: /expected the condition to hold/,
    edits: [
      {
        file: children,
        find: "return intent && { ...intent, key };",
        replace: "return intent;",
      },
    ],
  },
  {
    name: "a change stream that says nothing is waited for",
    layer: "tests",
    files: ["test/engine/journal/silent-stream.test.ts"],
    says: /the gap is told/,
    edits: [
      {
        file: "src/engine/journal/mongo/watch-journal.ts",
        find: "await Promise.race([this.#follow(stream), silent]);",
        replace: "await Promise.all([this.#follow(stream), silent]);",
      },
    ],
  },
  {
    name: "a worker that came after the look at the workers counts as gone",
    layer: "tests",
    files: ["test/engine/worker/lease.test.ts", "-t", "takes nothing"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/engine/worker/lease-loop.ts",
        find: "const partitions = await store.partitions();\n    const workers = await this.#workers();",
        replace:
          "const workers = await this.#workers();\n    const partitions = await store.partitions();",
      },
    ],
  },
  {
    name: "an append that waits for transactions of the application",
    layer: "tests",
    files: [fences, "-t", "keep no append"],
    says: /in vain for: the append/,
    edits: [
      {
        file: "src/engine/journal/mongo-store.ts",
        find: "this.#transactions = new Sessions(means);",
        replace: "this.#transactions = this.#appends;",
      },
    ],
  },
];
