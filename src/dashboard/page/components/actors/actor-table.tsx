import type { ActorsView } from "../../../actors/view.ts";
import { stateWords } from "../../figures/active-states.ts";
import { span } from "../../figures/format.ts";
import { useNow } from "../../state/now.ts";
import { hashOf, type Place } from "../../state/place-hash.ts";
import { Odd } from "../small/odd.tsx";
import { Age } from "../small/time.tsx";

type Listed = ActorsView["actors"][number];

interface RowProps {
  readonly actor: Listed;
  readonly where: Place;
}

/** When a worker has to do something for an actor. */
function Due({ at }: { readonly at: number | null }) {
  const now = useNow();
  if (at === null) return <>–</>;
  if (at === 0) return <>work waits</>;
  return <>{at < now ? `due for ${span(now - at)}` : `in ${span(at - now)}`}</>;
}

function Row({ actor, where }: RowProps) {
  const { id, machine, version, state, tags, status, since, due } = actor;
  const only = (change: Partial<Place>) =>
    hashOf({ ...where, machine, state: null, tag: null, after: null, ...change });
  return (
    <tr>
      <th scope="row" class="actor-id">
        <a href={hashOf({ ...where, id })}>
          <Odd text={id} />
        </a>
        <span class="detail slim">
          <Odd text={machine} /> {version}
        </span>
      </th>
      <td class="seldom">
        <Odd text={machine} /> <span class="detail">{version}</span>
      </td>
      <td class="actor-state">
        <a href={only({ state })} title="Only actors in this state">
          <Odd text={stateWords(state)} />
        </a>
        {status !== "active" && <span class={`chip status-${status}`}>{status}</span>}
      </td>
      <td class="seldom">
        <span class="tags">
          {tags.map((tag) => (
            <a key={tag} class="tag" href={only({ tag })} title="Only actors with this tag">
              <Odd text={tag} />
            </a>
          ))}
        </span>
      </td>
      <td>
        <Age at={since} />
      </td>
      <td class="seldom">
        <Due at={due} />
      </td>
    </tr>
  );
}

interface Props {
  readonly actors: readonly Listed[];
  readonly where: Place;
}

/** One page of the actors as a table. Each name leads to its actor, each state and each tag to those that share it. */
export function ActorTable({ actors, where }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class="scroll" tabIndex={0} aria-label="List of actors">
      <table class="actors">
        <thead>
          <tr>
            <th scope="col">Actor</th>
            <th scope="col" class="seldom">
              Machine
            </th>
            <th scope="col">State</th>
            <th scope="col" class="seldom">
              Tags
            </th>
            <th scope="col">In it for</th>
            <th scope="col" class="seldom">
              Next
            </th>
          </tr>
        </thead>
        <tbody>
          {actors.map((actor) => (
            <Row key={actor.id} actor={actor} where={where} />
          ))}
        </tbody>
      </table>
    </section>
  );
}
