import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { printableLine } from "../../../../printable.ts";
import type { ActorView } from "../../../actors/view.ts";
import { leavesOf, stateWords } from "../../figures/active-states.ts";
import { countdown, span } from "../../figures/format.ts";
import { useNow } from "../../state/now.ts";
import { Odd } from "../small/odd.tsx";
import { Age, Moment } from "../small/time.tsx";
import { SendEvent } from "./send-event.tsx";

interface Props {
  readonly view: ActorView;
}

/** Says each new state of the actor to a screen reader. */
function StateNews({ view }: Props) {
  const [said, setSaid] = useState("");
  const before = useRef<string | null>(null);
  const now = printableLine(`${view.id}: ${stateWords(view.state)}${ended(view)}`);
  useEffect(() => {
    // The state at the opening of the page is no news.
    if (before.current !== null && before.current !== now) setSaid(now);
    before.current = now;
  }, [now]);
  return (
    <p class="unseen" role="status" id="actor-news">
      {said}
    </p>
  );
}

const ended = ({ status }: ActorView) => (status === "active" ? "" : `, ${status}`);

interface CardProps {
  readonly title: string;
  readonly words?: string;
  readonly isSentence?: boolean;
  readonly alarm?: boolean;
  readonly children?: ComponentChildren;
}

function Card({ title, words, isSentence = false, alarm = false, children }: CardProps) {
  return (
    <div class={`answer${alarm ? " alarm" : ""}`}>
      <dt>{title}</dt>
      <dd>
        {words !== undefined && (
          <p class={`words${isSentence ? " sentence" : ""}`}>
            <Odd text={words} />
          </p>
        )}
        {children}
      </dd>
    </div>
  );
}

/** A moment that is to come, as a clock that runs out, or one that is past. */
function Until({ at }: { readonly at: number }) {
  const now = useNow();
  return (
    <>
      {at >= now ? (
        <>
          in <span class="countdown">{countdown(at - now)}</span>
        </>
      ) : (
        `${span(now - at)} ago`
      )}
      , at <Moment at={at} withDay={Math.abs(at - now) > 43_200_000} />
    </>
  );
}

/** The timers and the work for which the actor waits. */
function Waits({ view: { timers: all, work, why } }: Props) {
  // The answer to why has named the first timer.
  const named = all.findIndex(({ at }) => at === why.at);
  const timers = all.filter((_, index) => index !== named);
  if (timers.length + work.length === 0) return null;
  return (
    <ul class="waits">
      {timers.map(({ event, at }, index) => (
        <li key={index}>
          <span class="tag">timer</span> <Odd text={event} />{" "}
          <span class="detail">
            <Until at={at} />
          </span>
        </li>
      ))}
      {work.map(({ id, kind, name, attempt, lastError, nextAttempt }) => (
        <li key={id}>
          <span class="tag">{kind}</span> <Odd text={name} />{" "}
          <span class="detail">
            attempt {attempt}
            {nextAttempt !== null && (
              <>
                , the next one <Until at={nextAttempt} />
              </>
            )}
          </span>
          {lastError !== null && (
            <p class="why">
              <Odd text={lastError} />
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

/** The state of an actor, what can move it, and the way to send it an event. */
export function ActorFacts({ view }: Props) {
  const { id, machine, version, state, active, status, tags, since, started, reason, why } = view;
  return (
    <section class="panel hero" aria-labelledby="actor-title">
      <StateNews view={view} />
      <h2 id="actor-title" class="actor-title">
        <Odd text={id} />
      </h2>
      <p class="detail actor-line">
        <span>
          <Odd text={machine} /> {version}, revision {view.revision}, started{" "}
          <Moment at={started} withDay />
        </span>
        {tags.map((tag) => (
          <span key={tag} class="tag">
            <Odd text={tag} />
          </span>
        ))}
      </p>
      <dl class="answers four">
        <Card title="State" words={leavesOf(active).join(", ") || state} alarm={status === "error"}>
          {status !== "active" && <span class={`chip status-${status}`}>{status}</span>}
          <p class="detail">
            for <Age at={since} />, since <Moment at={since} />
          </p>
          {reason !== null && (
            <p class="why">
              <code>{reason.code}</code> <Odd text={reason.message} />
            </p>
          )}
        </Card>
        <Card title="Why" words={why.words} isSentence>
          {why.at !== null && (
            <p class="detail">
              <Until at={why.at} />
            </p>
          )}
          <Waits view={view} />
        </Card>
        <Card title="Worker" alarm={!view.isWorkerAlive && view.worker !== null}>
          <p class={view.isWorkerAlive ? "words" : "detail"}>
            <Odd text={view.worker ?? "none is needed: no timer and no work waits"} />
          </p>
        </Card>
        <Card title="Events">
          {view.eventWords !== null && (
            <p class={view.events === null ? "detail" : "words"}>
              <Odd text={view.eventWords} />
            </p>
          )}
          <SendEvent view={view} />
        </Card>
      </dl>
    </section>
  );
}
