import { createHash } from "node:crypto";
import { ObjectId } from "mongodb";
import { LockstepError } from "../../errors.ts";
import { fencedTransaction } from "../../leadership/fenced-transaction.ts";
import type { Log } from "../../log.ts";
import { type Described, findCollection } from "../../mongo/catalogue/catalogue.ts";
import { requirePlain } from "../definitions/define.ts";
import {
  addCollection,
  dropCollection,
  renameCollection,
  setValidator,
} from "../definitions/define-collection.ts";
import { addIndex, dropIndex } from "../definitions/define-index.ts";
import { applyBatches } from "../documents/batches/apply-batches.ts";
import { fieldRemoval, fieldRenaming } from "../documents/change-fields.ts";
import type { CollectionChange } from "../documents/collection-change.ts";
import { documentChange } from "../documents/document-change.ts";
import { estimateOperation, type OperationFigures } from "./estimate.ts";
import type { Progress } from "./progress.ts";
import {
  loadReached,
  moved,
  moveProgress,
  nextOperation,
  pauseIfAsked,
  type Reach,
  type Runner,
  shownNext,
} from "./runner.ts";
import type { Application, SchemaContext } from "./schema-context.ts";
import { withArgumentsJudged } from "./step-arguments.ts";
import { stepDatabase } from "./step-database.ts";

function described({ options }: Runner, name: string): Promise<Described | undefined> {
  return findCollection(options.client, options.databaseName, name);
}

/** Notes the kind of the operation and its collection, before anything changes. */
async function begin(
  runner: Runner,
  kind: string,
  collection: string | null,
  documents: number,
): Promise<void> {
  const entry = collection === null ? undefined : await described(runner, collection);
  const [operation = ""] = kind.split(" ");
  const shown = shownNext(runner, {
    operation: collection === null ? operation : `${operation} ${collection}`,
    operationDocuments: 0,
    operationTotal: documents,
  });
  await moveProgress(runner, "operation-begin", { kind, target: entry?.uuid ?? null, shown });
}

async function apply(
  runner: Runner,
  collection: string,
  changeFor: () => CollectionChange | Promise<CollectionChange>,
): Promise<void> {
  const entry = await described(runner, collection);
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
  reads: readonly string[] | undefined,
  body: Parameters<SchemaContext["transaction"]>[0],
): Promise<void> {
  const { options, progress } = runner;
  const next: Progress = {
    ...progress,
    ...nextOperation(runner),
    batches: progress.batches + 1,
  };
  const known = new Map<string, Described | undefined>();
  // A name is looked up before the body writes to it, outside the transaction: once for all attempts.
  const find = async (name: string): Promise<Described | undefined> => {
    if (!known.has(name)) known.set(name, await described(runner, name));
    return known.get(name);
  };
  await fencedTransaction(
    options,
    "step-transaction",
    { field: options.progressField, sequence: progress.sequence },
    async () => ({ prepared: undefined, progress: { ...next } }),
    async (session) => {
      const database = options.client.db(options.databaseName);
      await body(stepDatabase(database, session, { find, dropped: progress.dropped, reads }));
    },
  );
  moved(runner, next);
}

function sayOperation(
  log: Log,
  step: string,
  { operation, documents, estimatedBytes }: Omit<OperationFigures, "durationMs">,
): void {
  log.info({ step, operation, documents, bytes: estimatedBytes }, "operation");
}

/** @throws LockstepError `step-not-deterministic` for another operation than the one that is next, or has begun */
function requireNext({ progress }: Runner, ordinal: number, kind: string): void {
  const { operation, kind: begun } = progress;
  if (ordinal === operation && (begun === null || begun === kind)) return;
  throw new LockstepError(
    "step-not-deterministic",
    `expected operation ${operation} to be ${begun ?? "the next one"}, but the step asks for ${kind} as operation ${ordinal}: await each operation, and ask for the same ones each time`,
  );
}

/** The context of one step. It numbers the operations and skips those that are done. */
export function schemaContextOf(
  runner: Runner,
  step: string,
  track: Set<Promise<void>>,
): SchemaContext {
  const { options } = runner;
  const reads = options.steps.find(({ name }) => name === step)?.reads;
  let asked = 0;
  const operation = (
    kind: string,
    collection: string | null,
    act: () => Promise<void>,
    reach: Reach = collection === null ? [] : [collection],
  ): Promise<void> => {
    const ordinal = asked;
    asked += 1;
    const work = (async () => {
      if (ordinal < runner.progress.operation) return;
      pauseIfAsked(runner);
      const begun = runner.progress.kind;
      requireNext(runner, ordinal, kind);
      await loadReached(runner, reach);
      // The load of a copy is no work of the step.
      runner.movedAtMs = options.clock.monotonicMs();
      const estimate = await estimateOperation(runner, kind, collection);
      if (begun === null) await begin(runner, kind, collection, estimate.documents);
      sayOperation(options.log, step, estimate);
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
      const hash = createHash("sha256")
        .update(`${options.upgradeId}/${step}/${seed}`)
        .digest("hex");
      return new ObjectId(hash.slice(0, 24));
    },
    signal: AbortSignal.any([options.signal, options.mastership.signal]),
    log: options.log.child({ step }),
    addCollection: (name, given = {}) =>
      operation(`addCollection ${name}`, null, () => addCollection(runner, name, given), [name]),
    dropCollection: (name) =>
      operation(`dropCollection ${name}`, name, () => dropCollection(runner, name)),
    renameCollection: (from, to) =>
      operation(`renameCollection ${from} ${to}`, from, () => renameCollection(runner, from, to), [
        from,
        to,
      ]),
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
    transaction: (body) =>
      operation("transaction", null, () => transact(runner, reads, body), reads ?? "all"),
  });
}
