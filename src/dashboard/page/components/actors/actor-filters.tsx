import { useState } from "preact/hooks";
import type { ActorsView } from "../../../actors/view.ts";
import { go } from "../../state/place.ts";
import { hashOf, type Place } from "../../state/place-hash.ts";

interface Props {
  readonly where: Place;
  readonly view: ActorsView | null;
}

const statuses = ["active", "done", "error", "stopped"];

interface ChoiceProps {
  readonly label: string;
  readonly all: string;
  readonly options: readonly string[];
  readonly value: string | null;
  onChoose(value: string | null): void;
}

function Choice({ label, all, options, value, onChoose }: ChoiceProps) {
  // A value of the URL that is none of them stays in sight, beside the server's words about it.
  const shown = value === null || options.includes(value) ? options : [value, ...options];
  return (
    <label class="field">
      {label}
      <select value={value ?? ""} onChange={(event) => onChoose(event.currentTarget.value || null)}>
        <option value="">{all}</option>
        {shown.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

interface WordProps {
  readonly label: string;
  readonly value: string | null;
  readonly known: readonly string[];
  /** Why nothing can be typed, or null. */
  readonly why: string | null;
  onChoose(value: string | null): void;
}

function Word({ label, value, known, why, onChoose }: WordProps) {
  const list = `known-${label.toLowerCase()}`;
  // Each reading of the list renders this anew: what is typed counts until the choice is another one.
  const [chosen, setChosen] = useState(value);
  const [typed, setTyped] = useState(value ?? "");
  if (chosen !== value) {
    setChosen(value);
    setTyped(value ?? "");
  }
  return (
    <label class="field">
      {label}
      <input
        type="search"
        autocomplete="off"
        list={list}
        placeholder={why ?? "any"}
        disabled={why !== null}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => onChoose(event.currentTarget.value || null)}
      />
      <datalist id={list}>
        {known.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </label>
  );
}

/** Leads to one actor by its id: a list of many does not show it at once. */
function OpenById({ where }: Pick<Props, "where">) {
  const [id, setId] = useState("");
  const open = (event: Event) => {
    event.preventDefault();
    if (id !== "") location.hash = hashOf({ ...where, id });
  };
  return (
    <form class="field" onSubmit={open}>
      <label for="actor-id">Actor</label>
      <span class="buttons">
        <input
          id="actor-id"
          autocomplete="off"
          placeholder="its id"
          value={id}
          onInput={(event) => setId(event.currentTarget.value)}
        />
        <button type="submit">Open</button>
      </span>
    </form>
  );
}

/** The choice of actors. It is in the URL. */
export function ActorFilters({ where, view }: Props) {
  const [machines, setMachines] = useState<readonly string[]>([]);
  if (view !== null && view.machines.join() !== machines.join()) setMachines(view.machines);
  const { machine, state, tag, status } = where;
  const why = machine === null ? "choose a machine" : null;
  const seen = view?.actors ?? [];
  const states = [...(view?.states ?? []), ...seen.map((actor) => actor.state)];
  const tags = seen.flatMap((actor) => actor.tags);
  const first = { view: "actors", after: null } as const;
  return (
    <div class="filters">
      <Choice
        {...{ label: "Machine", all: "all machines", options: machines, value: machine }}
        onChoose={(chosen) => go({ ...first, machine: chosen, state: null, tag: null })}
      />
      <Word
        {...{ label: "State", value: state, known: [...new Set(states)], why }}
        onChoose={(chosen) => go({ ...first, state: chosen })}
      />
      <Word
        {...{ label: "Tag", value: tag, known: [...new Set(tags)], why }}
        onChoose={(chosen) => go({ ...first, tag: chosen })}
      />
      <Choice
        {...{ label: "Status", all: "any status", options: statuses, value: status }}
        onChoose={(chosen) => go({ ...first, status: chosen })}
      />
      <OpenById where={where} />
    </div>
  );
}
