import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { chartOf } from "../../src/diagram/chart.ts";

/** One edge of a machine, as its diagram has it. */
export interface Edge {
  readonly machine: "upgrade" | "participant";
  readonly from: string;
  readonly event: string;
  readonly guard: string | null;
  readonly to: string;
}

type Guard = (args: { context: unknown; event: unknown }, params: undefined) => boolean;

const machines = { upgrade: upgradeMachine, participant: participantMachine } as const;
const edges: readonly Edge[] = Object.entries(machines).flatMap(([name, machine]) =>
  chartOf(machine).edges.map(({ from, event, guard, to }) => ({
    machine: name as Edge["machine"],
    ...{ from, event, guard, to },
  })),
);

interface From {
  readonly machine: Edge["machine"];
  readonly state: string;
  readonly context: unknown;
}

function passes({ machine, guard }: Edge, context: unknown, event: unknown): boolean {
  if (guard === null) return true;
  const guards = machines[machine].implementations.guards as unknown as Record<string, Guard>;
  return guards[guard]?.({ context, event }, undefined) ?? false;
}

/** The edge that the event takes, and the one that a guard alone takes after it. */
export function edgesOf(
  before: From,
  event: { readonly type: string },
  after: { readonly state: string; readonly asksOnTheWay: boolean },
): readonly Edge[] {
  const { machine, state, context } = before;
  const ours = edges.filter((edge) => edge.machine === machine);
  const everywhere: Edge = { machine, from: state, event: event.type, guard: null, to: state };
  const first =
    ours.find(
      (edge) => edge.from === state && edge.event === event.type && passes(edge, context, event),
    ) ?? everywhere;
  if (first.to === after.state && !after.asksOnTheWay) return [first];
  const then = ours.find(
    (edge) => edge.from === first.to && edge.event === "always" && edge.to === after.state,
  );
  return then === undefined ? [first] : [first, then];
}
