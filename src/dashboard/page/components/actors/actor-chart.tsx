import { useMemo, useState } from "preact/hooks";
import type { ActorView } from "../../../actors/view.ts";
import type { DiagramMarks } from "../../figures/diagram-marks.ts";
import { count } from "../../figures/format.ts";
import { Diagram } from "../diagram.tsx";
import { AllEdges } from "../small/all-edges.tsx";
import { Odd } from "../small/odd.tsx";
import { StateList } from "../small/state-list.tsx";

interface Props {
  readonly view: ActorView;
}

/** The active states of an actor without a picture. */
function ActiveStates({ view: { active, noChart } }: Props) {
  return (
    <>
      <ul class="active-states" aria-label="Active states">
        {active.map((name) => (
          <li key={name} class="chip">
            <Odd text={name} />
          </li>
        ))}
      </ul>
      <p class="detail">
        <Odd text={noChart ?? ""} />
      </p>
    </>
  );
}

/** The machine of an actor as a picture, with its active states and the edges that it took. */
export function ActorChart({ view }: Props) {
  const { machine, version, active, states, way } = view;
  const { taken = [], last = [], passed = [], from = 0 } = way ?? {};
  const [isBrief, setBrief] = useState(true);
  // The view is new each second. The picture changes only where its marks do.
  const marked = JSON.stringify({ active, taken, last });
  const marks = useMemo((): DiagramMarks => JSON.parse(marked), [marked]);
  const form = isBrief ? "brief" : "whole";
  const path = `./api/engine/diagram?${new URLSearchParams({ machine, version, form })}`;
  return (
    <section class="panel" aria-labelledby="chart-title">
      <div class="buttons forms chart-top">
        <h2 id="chart-title">
          The chart{" "}
          <span class="id">
            <Odd text={machine} /> {version}
          </span>
        </h2>
        {states !== null && <AllEdges isBrief={isBrief} setBrief={setBrief} />}
      </div>
      {states === null ? (
        <ActiveStates view={view} />
      ) : (
        <>
          <Diagram path={path} brief={isBrief} isNatural marks={marks} />
          {from > 0 && (
            <p class="detail">The edges are those that it took after revision {count(from)}.</p>
          )}
          <StateList {...{ states, active, passed, taken }} />
        </>
      )}
    </section>
  );
}
