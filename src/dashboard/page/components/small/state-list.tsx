import type { ComponentChildren } from "preact";
import type { Chart } from "../../../../diagram/chart.ts";
import { printableLine } from "../../../../printable.ts";

interface Props {
  readonly states: Chart["states"];
  readonly active: readonly string[];
  readonly passed: readonly string[];
  readonly children?: ComponentChildren;
}

/** A diagram as a list, for readers who do not see it. */
export function StateList({ states, active, passed, children }: Props) {
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
      {children}
    </details>
  );
}
