import { printable } from "../../../../printable.ts";
import type { ActorView, JournalView } from "../../../actors/view.ts";
import { stateWords } from "../../figures/active-states.ts";
import { count } from "../../figures/format.ts";
import { useNow } from "../../state/now.ts";
import { useActorsPlace } from "../../state/place.ts";
import { hashOf } from "../../state/place-hash.ts";
import { usePolled } from "../../state/poll.ts";
import { Odd } from "../small/odd.tsx";
import { Moment } from "../small/time.tsx";
import { PolledTrouble } from "./polled-trouble.tsx";

const counted = (transitions: number) =>
  `${count(transitions)} transition${transitions === 1 ? "" : "s"}`;

const dayMs = 86_400_000;

type Transition = JournalView["transitions"][number];

function Row({ transition }: { readonly transition: Transition }) {
  const { revision, at, kind, type, event, outcome, state, status, reason } = transition;
  const now = useNow();
  return (
    <tr class={`outcome-${outcome}`}>
      <td class="seldom">{revision}</td>
      <td>
        <Moment at={at} withDay={now - at > dayMs} />
      </td>
      <td class="seldom">{kind}</td>
      <td class="actor-event">
        <details>
          <summary>
            <code>
              <Odd text={type} />
            </code>
          </summary>
          <pre class="value">{printable(event)}</pre>
        </details>
      </td>
      <td>
        {outcome === "applied" ? (
          "applied"
        ) : (
          <span class={`chip outcome-${outcome}`}>{outcome}</span>
        )}
        {reason !== null && (
          <p class="why">
            <code>{reason.code}</code> <Odd text={reason.message} />
          </p>
        )}
      </td>
      <td class="actor-state">
        <Odd text={stateWords(state)} />
        {status !== "active" && <span class={`chip status-${status}`}>{status}</span>}
      </td>
    </tr>
  );
}

interface Props {
  readonly view: ActorView;
}

/** The transitions of an actor, the latest first, a page at a time. */
export function ActorJournal({ view }: Props) {
  const where = useActorsPlace();
  const { id, revision } = view;
  const end = where.before ?? revision + 1;
  const path = `./api/engine/journal?${new URLSearchParams({ id, before: String(end) })}`;
  const of = `${id} ${where.before}`;
  const { value, trouble } = usePolled<JournalView>(path, Number.POSITIVE_INFINITY, of);
  return (
    <section class="panel" aria-labelledby="journal-title">
      <div class="panel-top">
        <h2 id="journal-title">
          Journal <span class="id">{counted(revision + 1)}</span>
        </h2>
        <p class="detail">{where.before !== null && `up to revision ${where.before - 1}`}</p>
      </div>
      <PolledTrouble trouble={trouble} />
      {value !== null && <Transitions transitions={value.transitions} />}
      {value !== null && value.deleted > 0 && (
        <p class="detail">
          {counted(value.deleted)} after the first one: deleted by <code>retain.history</code> of
          the engine.
        </p>
      )}
      <div class="pages">
        <div class="buttons">
          {where.before !== null && (
            <a class="text" href={hashOf({ ...where, before: null })}>
              Latest transitions
            </a>
          )}
          {value !== null && value.before !== null && (
            <a class="text" href={hashOf({ ...where, before: value.before })}>
              Earlier transitions
            </a>
          )}
        </div>
      </div>
    </section>
  );
}

function Transitions({ transitions }: Pick<JournalView, "transitions">) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class="scroll" tabIndex={0} aria-label="Transitions">
      <table class="journal">
        <thead>
          <tr>
            <th scope="col" class="seldom">
              Revision
            </th>
            <th scope="col">At</th>
            <th scope="col" class="seldom">
              By
            </th>
            <th scope="col">Event</th>
            <th scope="col">Outcome</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {transitions.toReversed().map((transition) => (
            <Row key={transition.revision} transition={transition} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
