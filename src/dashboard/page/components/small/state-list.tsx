import type { Chart } from "../../../../diagram/chart.ts";
import { printableLine } from "../../../../printable.ts";

interface Props {
  readonly states: Chart["states"];
  readonly active: readonly string[];
  readonly passed: readonly string[];
  /** The keys of the edges that were taken. */
  readonly taken: readonly string[];
}

/** A diagram as a list, for readers who do not see it. */
export function StateList({ states, active, passed, taken }: Props) {
  return (
    <details class="twin">
      <summary>The diagram as a list</summary>
      <ol>
        {states.map(({ name, description }) => (
          <li key={name} aria-current={active.includes(name) ? "step" : undefined}>
            <strong>{printableLine(name)}</strong>
            {active.includes(name) ? ", active now" : passed.includes(name) ? ", passed" : ""}
            {description !== "" && <span class="detail"> {printableLine(description)}</span>}
          </li>
        ))}
      </ol>
      <p class="detail">Edges taken: {printableLine(taken.join("; ")) || "none"}.</p>
    </details>
  );
}
