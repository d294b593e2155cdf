import type { ComponentChildren } from "preact";
import type { Answer } from "../../http/answers.ts";
import type { WholeView } from "../../view.ts";
import {
  abortConfirmation,
  pauseConfirmation,
  retryConfirmation,
} from "../figures/confirmations.ts";
import { countdown } from "../figures/format.ts";
import { useNow } from "../state/now.ts";
import { Action } from "./small/action.tsx";
import { Age, Moment } from "./small/time.tsx";
import { Track } from "./track.tsx";

interface CardProps {
  readonly title: string;
  readonly answer: Answer;
  readonly children?: ComponentChildren;
  readonly code?: boolean;
}

function Card({ title, answer, children, code = false }: CardProps) {
  return (
    <div class={`answer${answer.alarm ? " alarm" : ""}`}>
      <dt>{title}</dt>
      <dd>
        <p class="words">{code ? <code>{answer.words}</code> : answer.words}</p>
        {answer.detail !== "" && <p class="detail">{answer.detail}</p>}
        {children}
      </dd>
    </div>
  );
}

/** A time that runs out. */
function Countdown({ until, label }: { readonly until: number; readonly label: string }) {
  const leftMs = until - useNow();
  return (
    <p class="detail">
      {label} <span class="countdown">{countdown(leftMs)}</span>, at <Moment at={until} />
    </p>
  );
}

/** The five answers: the state, the driver, the agents that are waited for, what is next, and how to stop it. */
export function AnswersPanel({ view }: { readonly view: WholeView }) {
  const { answers, upgrade } = view;
  const { state, driver, waits, next, stop } = answers;
  return (
    <section class="panel hero" id="answers" aria-labelledby="answers-title" tabIndex={-1}>
      <h2 id="answers-title">
        {upgrade === null ? (
          "No upgrade yet"
        ) : (
          <>
            {upgrade.restoreOf === null ? "Upgrade" : "Restore"} {upgrade.from} → {upgrade.to}{" "}
            <span class="id">{upgrade.upgradeId}</span>
          </>
        )}
      </h2>
      <Track view={view} />
      <dl class="answers">
        <Card title="State" answer={state}>
          {state.since !== null && (
            <p class="detail">
              for <Age at={state.since} />, since <Moment at={state.since} />
            </p>
          )}
        </Card>
        <Card title="Driven by" answer={driver}>
          {driver.until !== null && <Countdown until={driver.until} label="in" />}
          {driver.since !== null && (
            <p class="detail">
              <Age at={driver.since} /> ago
            </p>
          )}
        </Card>
        <Card title="Waits for" answer={waits}>
          {waits.until !== null && <Countdown until={waits.until} label="in" />}
        </Card>
        <Card title="Next" answer={next}>
          {next.until !== null && <Countdown until={next.until} label="deadline in" />}
        </Card>
        <Card title="To stop it" answer={stop} code={stop.words.startsWith("lockstep ")}>
          <Action confirmation={abortConfirmation(view) ?? retryConfirmation(view)} />
          <Action confirmation={pauseConfirmation(view)} />
        </Card>
      </dl>
    </section>
  );
}
