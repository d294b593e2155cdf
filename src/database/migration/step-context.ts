import { createHash } from "node:crypto";
import { ObjectId } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { fencedTransaction } from "../../leadership/fenced-transaction.ts";
import { entriesOf, requirePlain } from "../definitions/define.ts";
import {
  addCollection,
  dropCollection,
  renameCollection,
  setValidator,
} from "../definitions/define-collection.ts";
import { addIndex, dropIndex } from "../definitions/define-index.ts";
import { applyBatches } from "../documents/apply-batches.ts";
import { fieldRemoval, fieldRenaming } from "../documents/change-fields.ts";
import type { CollectionChange } from "../documents/collection-change.ts";
import { documentChange } from "../documents/document-change.ts";
import { estimateOperation } from "./estimate.ts";
import type { Progress } from "./progress.ts";
import { moved, moveProgress, nextOperation, type Runner } from "./runner.ts";
import type { Application, SchemaContext } from "./schema-context.ts";
import { withArgumentsJudged } from "./step-arguments.ts";
import { stepDatabase } from "./step-database.ts";

/** Notes what the operation is and which collection it acts on, before anything is changed. */
async function begin(runner: Runner, kind: string, collection: string | null): Promise<void> {
  const entry =
    collection === null
      ? undefined
      : (await entriesOf(runner)).find(({ name }) => name === collection);
  await moveProgress(runner, "operation-begin", { kind, target: entry?.uuid ?? null });
}

async function apply(
  runner: Runner,
  collection: string,
  changeFor: () => CollectionChange | Promise<CollectionChange>,
): Promise<void> {
  const entry = (await entriesOf(runner)).find(({ name }) => name === collection);
  if (entry) requirePlain(entry, collection);
  await applyBatches(runner, collection, await changeFor());
  await moveProgress(runner, "operation-end", nextOperation(runner));
}

function changeOf(application: Application): CollectionChange {
  if ("change" in application) return documentChange(application);
  return { filter: application.filter ?? {}, update: application.update };
}

async function transact(
  runner: Runner,
  body: Parameters<SchemaContext["transaction"]>[0],
): Promise<void> {
  const { options, progress } = runner;
  const next: Progress = {
    ...progress,
    ...nextOperation(runner),
    batches: progress.batches + 1,
  };
  const entries = await entriesOf(runner);
  await fencedTransaction(
    options,
    "step-transaction",
    { field: options.progressField, sequence: progress.sequence },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async (session) => {
      const database = options.client.db(options.databaseName);
      await body(stepDatabase(database, session, entries, progress.dropped));
    },
  );
  moved(runner, next);
}

/** The context of one step: numbers its operations, skips those that are done. */
export function schemaContextOf(
  runner: Runner,
  step: string,
  track: Set<Promise<void>>,
): SchemaContext {
  const { options } = runner;
  let asked = 0;
  const operation = (
    kind: string,
    collection: string | null,
    act: () => Promise<void>,
  ): Promise<void> => {
    const ordinal = asked;
    asked += 1;
    const work = (async () => {
      if (ordinal < runner.progress.operation) return;
      const begun = runner.progress.kind;
      if (ordinal > runner.progress.operation || (begun !== null && begun !== kind)) {
        throw new LockstepError(
          "step-not-deterministic",
          `expected operation ${runner.progress.operation} to be ${begun ?? "the next one"}, the step asks for ${kind} as operation ${ordinal}: await each operation, and ask for the same ones each time`,
        );
      }
      if (begun === null) await begin(runner, kind, collection);
      const estimate = await estimateOperation(runner, kind, collection);
      options.log.info({ step, ...estimate }, "operation");
      const startMs = options.clock.monotonicMs();
      await act();
      const durationMs = Math.round(options.clock.monotonicMs() - startMs);
      runner.operations.push({ ...estimate, durationMs });
    })();
    track.add(work);
    return work.finally(() => track.delete(work));
  };

  return withArgumentsJudged({
    now: options.now,
    id: (seed) => {
      const hash = createHash("sha256").update(`${options.upgrade}/${step}/${seed}`).digest("hex");
      return new ObjectId(hash.slice(0, 24));
    },
    signal: AbortSignal.any([options.signal, options.mastership.signal]),
    log: options.log.child({ step }),
    addCollection: (name, given = {}) =>
      operation(`addCollection ${name}`, null, () => addCollection(runner, name, given)),
    dropCollection: (name) =>
      operation(`dropCollection ${name}`, name, () => dropCollection(runner, name)),
    renameCollection: (from, to) =>
      operation(`renameCollection ${from} ${to}`, from, () => renameCollection(runner, from, to)),
    setValidator: (name, validator, given = {}) =>
      operation(`setValidator ${name}`, name, () => setValidator(runner, name, validator, given)),
    addIndex: (name, keys, index) =>
      operation(`addIndex ${name} ${index.name}`, name, () => addIndex(runner, name, keys, index)),
    dropIndex: (name, index) =>
      operation(`dropIndex ${name} ${index}`, name, () => dropIndex(runner, name, index)),
    renameField: (name, from, to) =>
      operation(`renameField ${name} ${from} ${to}`, name, () =>
        apply(runner, name, () => fieldRenaming(runner, name, from, to)),
      ),
    removeField: (name, field) =>
      operation(`removeField ${name} ${field}`, name, () =>
        apply(runner, name, () => fieldRemoval(runner, name, field)),
      ),
    applyToCollection: (name, application) =>
      operation(`applyToCollection ${name}`, name, () =>
        apply(runner, name, () => changeOf(application)),
      ),
    transaction: (body) => operation("transaction", null, () => transact(runner, body)),
  });
}
