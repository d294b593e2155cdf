import { engineMutants } from "./engine-mutants.ts";
import { hostMutants } from "./host-mutants.ts";
import { pauseMutants } from "./pause-mutants.ts";
import { rehearsalMutants } from "./rehearsal-mutants.ts";

/** Which tests have to notice. */
export type Layer = "simulation" | "tests";

export interface Mutant {
  readonly name: string;
  readonly layer: Layer;
  /** Test files and options, for the layer `tests`. */
  readonly files?: readonly string[];
  /** The words of the layer when it has noticed. */
  readonly says: RegExp;
  /** Each `find` stands once in its file. */
  readonly edits: readonly {
    readonly file: string;
    readonly find: string;
    readonly replace: string;
  }[];
}

const gate = "src/upgrade/participant/gate/gate.ts";
const actor = "src/fleet-engine/actor.ts";
const step = "src/fleet-engine/transition.ts";
const versions = "src/control/versions.ts";
const store = "src/journal/mongo-store.ts";

/** Ways to get the protocol wrong, each of which somebody could think of in good faith. */
export const mutants: readonly Mutant[] = [
  {
    name: "no fence in a batch, and no look at the lease",
    layer: "tests",
    files: ["test/kill/stale-master.test.ts", "-t", "batch"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/leadership/fenced-transaction.ts",
        find: "epoch: mastership.epoch,\n        ...(tick.sequence === 0 ? {} : { [`${tick.field}.sequence`]: tick.sequence }),",
        replace: "",
      },
      {
        file: "src/leadership/fenced-transaction.ts",
        find: "signal.throwIfAborted();\n    mastership.signal.throwIfAborted();",
        replace: "",
      },
      {
        file: "src/leadership/fenced-transaction.ts",
        find: 'if (Number(fence?.["epoch"]) !== mastership.epoch) throw deposed(mastership.epoch);',
        replace: "",
      },
    ],
  },
  {
    name: "a gate that reads and then opens",
    layer: "simulation",
    says: /\bS[12]: /,
    edits: [
      {
        file: gate,
        find: "expect: { databaseVersion: version, agentVersion: version, upgradeId: null },",
        replace: "expect: {},",
      },
    ],
  },
  {
    name: "a touch that changes nothing",
    layer: "tests",
    files: ["test/upgrade/participant/gate-touch.test.ts"],
    says: /AssertionError/,
    edits: [
      { file: gate, find: "increment: { openings: 1 },", replace: "set: { upgradeId: null }," },
    ],
  },
  {
    name: "no value in transition",
    layer: "simulation",
    says: /S8/,
    edits: [
      { file: versions, find: "return `${from}>${to}#${upgradeId}`;", replace: "return from;" },
    ],
  },
  {
    name: "a roll-back that forgets the agents' version",
    layer: "simulation",
    says: /S8/,
    edits: [
      {
        file: versions,
        find: "set: { agentVersion: from },",
        replace: "set: { agentVersion: to },",
      },
    ],
  },
  {
    name: "a lease by the local clock",
    layer: "tests",
    files: ["test/leadership/leadership.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/leadership/lease.ts",
        find: 'const nowMs = { $toLong: "$$NOW" };',
        replace: "const nowMs = { get $literal() { return Date.now(); } };",
      },
    ],
  },
  {
    name: "an effect before the commit",
    layer: "simulation",
    says: /S4: the effect|S11/,
    edits: [
      {
        file: actor,
        find: "const { entry, writes } = make(this.#tail, await store.now());",
        replace:
          "const { entry, writes } = make(this.#tail, await store.now()); this.#committed(entry);",
      },
    ],
  },
  {
    name: "a cancelled effect works on beside its successor",
    layer: "simulation",
    // The host check at a gate may meet the crossed effects before the other two do.
    says: /S4: a batch took effect|S9: |opens on files of/,
    edits: [{ file: actor, find: "after: this.#drained,", replace: "after: Promise.resolve()," }],
  },
  {
    name: "an entry is acknowledged before a majority has it",
    layer: "tests",
    files: ["test/journal/majority.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: store,
        find: 'writeConcern,\n      readConcern: new ReadConcern("majority"),',
        replace:
          'writeConcern: new WriteConcern(1),\n      readConcern: new ReadConcern("majority"),',
      },
    ],
  },
  {
    name: "a network error counts as written",
    layer: "tests",
    files: ["test/journal/majority.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: store,
        find: "return Promise.all(entries.map((entry) => this.#readBack(entry)));",
        replace: 'return entries.map(() => ({ kind: "appended" }));',
      },
    ],
  },
  {
    name: "a deadline that starts again on a takeover",
    layer: "simulation",
    says: /L2/,
    edits: [
      {
        file: step,
        find: 'return settled(tail, { type: "lockstep.takeover" }, stamp, tail, "takeover");',
        replace: `const timers = tail.timers.map((timer) => ({ ...timer, dueAt: stamp.at + timer.dueAt - tail.at }));
  return settled(tail, { type: "lockstep.takeover" }, stamp, { ...tail, timers }, "takeover");`,
      },
    ],
  },
  {
    name: "a participant that turns back by itself",
    layer: "simulation",
    says: /back only when asked/,
    edits: [
      {
        file: "machines/participant.ts",
        find: 'localStepFailed: { actions: "noteFailure" },',
        replace: 'localStepFailed: { target: "rolling-back", actions: "noteFailure" },',
      },
    ],
  },
  {
    name: "a commit without everybody's vote",
    layer: "simulation",
    says: /S12/,
    edits: [
      {
        file: "machines/upgrade-context.ts",
        find: "return required.length > 0 && required.every(",
        replace: "return required.length > 0 && required.some(",
      },
    ],
  },
  {
    name: "a report of another moment counts",
    layer: "tests",
    files: ["test/machines"],
    says: /AssertionError/,
    edits: [
      {
        file: "machines/upgrade.ts",
        find: '{ guard: "isOfThisMoment", actions: "noteCopy" },',
        replace: '{ actions: "noteCopy" },',
      },
    ],
  },
  {
    name: "a step resumes from the wrong cursor",
    layer: "tests",
    files: ["test/database/migration/schema-steps.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/database/migration/progress.ts",
        find: 'cursor: cursor instanceof Map ? { last: cursor.get("last") as Binary } : null,',
        replace: "cursor: cursor instanceof Map ? null : null,",
      },
    ],
  },
  {
    name: "progress beside the batch's transaction",
    layer: "tests",
    files: ["test/database/migration/schema-steps.test.ts"],
    says: /AssertionError|invariant-broken/,
    edits: [
      {
        file: "src/leadership/fenced-transaction.ts",
        find: "...sessions.rest,\n      },\n      { session },",
        replace: "...sessions.rest,\n      },\n      {},",
      },
    ],
  },
  {
    name: "a duplicate key is ignored",
    layer: "tests",
    files: ["test/journal/mongo-store.test.ts"],
    says: /AssertionError/,
    edits: [
      {
        file: "src/journal/journal-collection.ts",
        find: "unique: true,",
        replace: "unique: false,",
      },
    ],
  },
  {
    name: "a deposed owner retries on top",
    layer: "tests",
    files: ["test/fleet-engine"],
    says: /AssertionError/,
    edits: [
      {
        file: actor,
        find: "if (missed.some(({ epoch }) => epoch > ownership.epoch)) {",
        replace: "if (missed.length < 0) {",
      },
      {
        file: step,
        find: "assert(tail.epoch <= stamp.epoch,",
        replace: "assert(stamp.epoch >= 0,",
      },
    ],
  },
  {
    name: "two entries of an actor in a batch",
    layer: "tests",
    files: ["test/fleet-engine/batcher.test.ts"],
    says: /AssertionError|LockstepError/,
    edits: [{ file: "src/fleet-engine/batcher.ts", find: " && !actors.has(actor);", replace: ";" }],
  },
  {
    name: "a scratch database mistaken for the live one",
    layer: "tests",
    files: ["test/faults/bad-steps.test.ts", "-t", "never touched"],
    says: /AssertionError|invariants broken/,
    edits: [
      {
        file: "src/upgrade/database/mongo-database.ts",
        find: '...dataDatabase({ client, withMember, control, faultPoints }, name, "rehearsal"),',
        replace:
          '...dataDatabase({ client, withMember, control, faultPoints }, databaseName, "rehearsal"),',
      },
    ],
  },
  {
    name: "the way back forgets that the migration has begun",
    layer: "simulation",
    says: /S9: rolled back/,
    edits: [
      {
        file: "src/upgrade/coordinator/effects/acting.ts",
        find: "return fence?.progress?.upgradeId === upgradeId;",
        replace: "return fence === undefined && upgradeId === undefined;",
      },
    ],
  },
  {
    name: "a restore does not look for foreign writes",
    layer: "simulation",
    says: /S9: foreign writes were taken back/,
    edits: [
      {
        file: "src/upgrade/coordinator/effects/restore.ts",
        find: "await database.refuseForeignWrites(acting, point.time, beforeRetry);",
        replace: "await database.clearScratch(acting, beforeRetry);",
      },
    ],
  },
  {
    name: "no look for an entry whose answer was lost",
    layer: "simulation",
    says: /L1/,
    edits: [
      {
        file: actor,
        find: "void untilOutcomeKnown(this.#ports, ownership, () => this.#serialised(isKnown));",
        replace: "void isKnown;",
      },
    ],
  },
  {
    name: "an agent never undoes what it owes",
    layer: "tests",
    files: ["test/simulation/simulation.test.ts", "-t", "undoes its part"],
    says: /L1/,
    edits: [
      {
        file: "src/upgrade/participant/participant-loop.ts",
        find: "joined = (await joinOwedUndo(world, owed, before)) || joined;",
        replace: "void joinOwedUndo;",
      },
    ],
  },
  {
    name: "an agent that missed an upgrade takes part in the next",
    layer: "tests",
    files: ["test/simulation/simulation.test.ts", "-t", "missed an upgrade"],
    says: /to include 'upgrade\/u000003 done'/,
    edits: [
      {
        file: "src/upgrade/participant/participant-loop.ts",
        find: "if (!isOwed && !(await isWhereItStarts(world, { from, to }))) return false;",
        replace: "void [isOwed, isWhereItStarts];",
      },
    ],
  },
  {
    name: "only an agent on the new version may lead",
    layer: "tests",
    files: ["test/simulation/simulation.test.ts", "-t", "comes up nowhere"],
    says: /L1/,
    edits: [
      {
        file: "src/upgrade/protocol/master-eligibility.ts",
        find: "if (isRequired(context, agent)) return version !== context.to;",
        replace: "if (isRequired(context, agent)) return false;",
      },
    ],
  },
  {
    name: "another build of the version goes forward",
    layer: "tests",
    files: ["test/upgrade/coordinator/only-ready.test.ts"],
    says: /steps-differ/,
    edits: [
      {
        file: "src/upgrade/coordinator/effects/only-ready.ts",
        find: "differ === null ? handler",
        replace: "differ !== undefined ? handler",
      },
    ],
  },
  {
    name: "another build of the version runs its local steps",
    layer: "tests",
    files: ["test/simulation/simulation.test.ts", "-t", "another build"],
    says: /S5: a\d runs other local steps/,
    edits: [
      {
        file: "src/upgrade/participant/participant-effects.ts",
        find: "isRequired(known, world.agent) ? otherStepsHere(known, world, coordinator.protocol) : null;",
        replace:
          "isRequired(known, otherStepsHere.name) ? otherStepsHere(known, world, coordinator.protocol) : null;",
      },
    ],
  },
  {
    name: "a build of another version goes forward",
    layer: "tests",
    files: ["test/upgrade/coordinator/only-ready.test.ts"],
    says: /effectFailed|lease-lost/,
    edits: [
      {
        file: "src/upgrade/coordinator/effects/only-ready.ts",
        find: "if (known && goesForward(known, world)) {",
        replace: "if (known) {",
      },
    ],
  },
  ...[hostMutants, pauseMutants, rehearsalMutants, engineMutants].flat(),
];
