import type { ActorsView } from "../../../actors/view.ts";
import { count, span } from "../../figures/format.ts";
import { useActorsPlace } from "../../state/place.ts";
import { hashOf, type Place } from "../../state/place-hash.ts";
import { usePolled } from "../../state/poll.ts";
import { ActorFilters } from "./actor-filters.tsx";
import { ActorTable } from "./actor-table.tsx";
import { PolledTrouble } from "./polled-trouble.tsx";

/** Workers write the list behind, so a shorter pause would show hardly anything newer. */
const everyMs = 3_000;

/** The question for one page of actors. */
function pathOf({ machine, state, tag, status, after }: Place): string {
  const parts = Object.entries({ machine, state, tag, status, after });
  const given = parts.filter((part): part is [string, string] => part[1] !== null);
  return `./api/engine/actors?${new URLSearchParams(given)}`;
}

/** How far the list may be behind. */
function staleWords({ workers, staleMs }: ActorsView): string {
  return workers === 0
    ? "No worker is alive for them: the list lacks what has happened since the last one wrote it."
    : `The list may be up to ${span(staleMs)} behind.`;
}

interface PagesProps {
  readonly view: ActorsView;
  readonly where: Place;
}

/** The way to the next actors, and back to the first. */
function Pages({ view: { actors, next }, where }: PagesProps) {
  return (
    <div class="pages">
      <p class="detail">
        {actors.length === 0 ? "No actor matches." : `${count(actors.length)} shown.`}
        {next !== null && " There may be more."}
      </p>
      <div class="buttons">
        {where.after !== null && (
          <a class="text" href={hashOf({ ...where, after: null })}>
            From the beginning
          </a>
        )}
        {next !== null && (
          <a class="text" href={hashOf({ ...where, after: next })}>
            Next actors
          </a>
        )}
      </div>
    </div>
  );
}

/** The actors of the engine, a page at a time. */
export function ActorList({ database }: { readonly database: string }) {
  const where = useActorsPlace();
  const { value, trouble } = usePolled<ActorsView>(pathOf(where), everyMs);
  return (
    <section class="panel" aria-labelledby="actors-title">
      <div class="panel-top">
        <h2 id="actors-title">
          Actors <span class="id">{database}</span>
        </h2>
        {value !== null && <p class="detail">{staleWords(value)}</p>}
      </div>
      <ActorFilters where={where} view={value} />
      <PolledTrouble trouble={trouble} />
      {value?.notices.map((notice) => (
        <p class="why" key={notice}>
          {notice}
        </p>
      ))}
      {value === null && trouble === null && <p class="empty">Reading the actors …</p>}
      {value !== null && (
        <>
          {value.actors.length > 0 && <ActorTable actors={value.actors} where={where} />}
          <Pages view={value} where={where} />
        </>
      )}
    </section>
  );
}
