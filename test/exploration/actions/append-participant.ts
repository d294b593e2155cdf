import { agentOf, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { State } from "../state.ts";
import { type Answered, eventId, type ModelEvent, move, tailOf } from "../tails.ts";
import { failure, newVersion } from "../vocabulary.ts";

/** A pending effect of one agent's process, at its place in the tail that this process knows. */
export interface PendingEffect {
  readonly model: Model;
  readonly state: State;
  readonly index: number;
  readonly place: number;
}

/** The place of a pending effect in a tail, or undefined. */
export function placeOf(tail: number, effect: string): number | undefined {
  if (tail === 0) return undefined;
  const place = tailOf(tail).effects.findIndex(({ name }) => name === effect);
  return place < 0 ? undefined : place;
}

const plan = { hash: "h", schemaSteps: 1, protocol: 1 };
const startedEvents = ["1.0.0", "1.1.0"].map((version) =>
  [null, failure].map(
    (cannotStart): ModelEvent => ({
      ...{ type: "started", version, incarnation: 1, ...plan, cannotStart },
    }),
  ),
);

/** The first event of a process in its participant, in one step with the cause of its start. */
export function appendStarted(model: Model, state: State, index: number, label: string): void {
  const { version, inherited, fellBack } = agentOf(state, index);
  const event = startedEvents[version === newVersion ? 1 : 0]?.[inherited && fellBack ? 1 : 0];
  if (event) appendToParticipant(model, state, index, event, null, { label });
}

/** An entry of an agent's own participant: known at once, or its answer is lost. */
export function appendToParticipant(
  model: Model,
  state: State,
  index: number,
  event: ModelEvent,
  answered: Answered,
  options: { readonly fault?: boolean; readonly label?: string } = {},
): void {
  const agent = agentOf(state, index);
  const { to, broken } = move(agent.participant, eventId(event), answered);
  const label = options.label ?? `${nameOf(index)} appends ${event.type}`;
  const fault = options.fault ?? false;
  const known = { participant: to, believed: 0 };
  model.actions.push({ label, state: withAgent(state, index, known), fault, broken });
  const lost = spent(state, "lostAnswers");
  if (!lost || agent.believed !== 0) return;
  model.actions.push({
    label: `${label}, the answer is lost`,
    state: withAgent(lost, index, { participant: to, believed: agent.participant }),
    ...{ fault: true, broken },
  });
}

/** After a lost answer the engine reads what is durable. */
export function recoverParticipant(model: Model, state: State, index: number): void {
  const agent = agentOf(state, index);
  if (agent.believed === 0) return;
  const label = `${nameOf(index)} reads what it had appended`;
  const known = withAgent(state, index, { believed: 0 });
  model.actions.push({ label, state: known, fault: false, broken: [] });
}
