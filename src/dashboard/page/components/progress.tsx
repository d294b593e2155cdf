import type { WholeView } from "../../view.ts";
import { count, part, span } from "../figures/format.ts";

interface BarProps {
  readonly label: string;
  readonly done: number | null;
}

/** A bar, or a moving one where the whole is not known. */
function Bar({ label, done }: BarProps) {
  const percent = done === null ? null : Math.round(done * 100);
  return (
    <div
      class={`bar${percent === null ? " unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
    >
      <span style={{ width: `${percent ?? 100}%` }} />
    </div>
  );
}

const of = (done: number, total: number | null) =>
  total === null ? count(done) : `${count(done)} of ${count(total)}`;

function Figure({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </div>
  );
}

/** The step that runs, how fast, and how long it will take. */
export function ProgressPanel({ view }: { readonly view: WholeView }) {
  const { progress, restoring } = view.upgrade ?? {};
  if (restoring) {
    return (
      <section class="panel progress" aria-labelledby="progress-title">
        <h2 id="progress-title">Loading the copy</h2>
        <Bar label="Loaded" done={part(restoring.doneBytes, restoring.totalBytes)} />
        <dl class="figures">
          <Figure name="Bytes" text={of(restoring.doneBytes, restoring.totalBytes)} />
          <Figure name="To go" text={`about ${span(restoring.etaMs)}`} />
        </dl>
      </section>
    );
  }
  if (!progress) return null;
  const { documents, documentsTotal, operationDocuments, operationTotal, etaMs } = progress;
  const done = part(documents, documentsTotal) ?? part(operationDocuments, operationTotal);
  const rate = progress.documentsPerSecond;
  return (
    <section class="panel progress" aria-labelledby="progress-title">
      <h2 id="progress-title">
        {view.upgrade?.state === "rehearsing" ? "Rehearsal of step" : "Step"} {progress.step} of{" "}
        {progress.steps} <code>{progress.stepName}</code>
      </h2>
      <Bar label="Documents" done={done} />
      <dl class="figures">
        <Figure name="Documents" text={of(documents, documentsTotal)} />
        <Figure name="Batches" text={of(progress.batches, progress.batchesTotal)} />
        {progress.operation !== null && (
          <Figure
            name={progress.operation}
            text={`${of(operationDocuments, operationTotal)} looked through`}
          />
        )}
        {rate !== null && <Figure name="Rate" text={`${count(rate)} a second`} />}
        {etaMs !== null && (
          <Figure name="To go" text={`${span(etaMs.least)} to ${span(etaMs.most)}`} />
        )}
      </dl>
    </section>
  );
}
