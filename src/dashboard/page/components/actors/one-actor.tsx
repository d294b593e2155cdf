import type { ActorView } from "../../../actors/view.ts";
import { useActorsPlace } from "../../state/place.ts";
import { hashOf } from "../../state/place-hash.ts";
import { usePolled } from "../../state/poll.ts";
import { ActorChart } from "./actor-chart.tsx";
import { ActorFacts } from "./actor-facts.tsx";
import { ActorJournal } from "./actor-journal.tsx";
import { ActorValues } from "./actor-values.tsx";
import { PolledTrouble } from "./polled-trouble.tsx";

/** The server reads an actor once a second, for however many pages. */
const everyMs = 1_000;

/** One actor of the engine, as it moves. */
export function OneActor({ id }: { readonly id: string }) {
  const where = useActorsPlace();
  const path = `./api/engine/actor?${new URLSearchParams({ id })}`;
  const { value: view, trouble } = usePolled<ActorView>(path, everyMs);
  return (
    <>
      <p class="way-back">
        <a href={hashOf({ ...where, id: null, before: null })}>← All actors</a>
      </p>
      <PolledTrouble trouble={trouble} />
      {view === null && trouble === null && <p class="empty">Reading the actor …</p>}
      {view !== null && (
        <>
          <ActorFacts view={view} />
          <ActorChart view={view} />
          <ActorValues view={view} />
          <ActorJournal view={view} />
        </>
      )}
    </>
  );
}
