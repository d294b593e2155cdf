import {
  fromCoordinator as coordinatorSays,
  type Liveness,
  fromParticipant as participantSays,
  fromRecords as recordsSay,
} from "../../src/upgrade/protocol/derive.ts";
import { isEligible } from "../../src/upgrade/protocol/master-eligibility.ts";
import { agentOf, nameOf, recordsOf, viewOf } from "./model.ts";
import type { State } from "./state.ts";
import type { ModelEvent } from "./tails.ts";
import { agentNames } from "./vocabulary.ts";

type Events = readonly ModelEvent[];
const fromCoordinators = new Map<number, Events>();
const fromParticipants = new Map<string, Events>();
const heard = new Map<string, Events>();
const eligible = new Map<string, boolean>();

const eventsOf = (derived: readonly { readonly event: unknown }[]): Events =>
  derived.map(({ event }) => event as ModelEvent);

/** A participant's news from the coordinator's latest entry: the product's decision, remembered. */
export function fromCoordinator(state: State, index: number): Events {
  const { participant } = agentOf(state, index);
  const key = participant * 65_536 + state.coordinator;
  const known = fromCoordinators.get(key);
  if (known) return known;
  const view = viewOf(participant, "participant", nameOf(index));
  const events = eventsOf(coordinatorSays(view, viewOf(state.coordinator, "coordinator", "")));
  fromCoordinators.set(key, events);
  return events;
}

/** The coordinator's news from one participant's latest entry: the product's decision, remembered. */
export function fromParticipant(state: State, index: number): Events {
  const { participant, gate } = agentOf(state, index);
  const key = `${state.coordinator}/${participant}/${index}/${gate}`;
  const known = fromParticipants.get(key);
  if (known) return known;
  const view = viewOf(state.coordinator, "coordinator", "");
  const theirs = viewOf(participant, "participant", nameOf(index));
  const record = recordsOf(state, () => false)[index];
  const events = eventsOf(participantSays(view, theirs, record));
  fromParticipants.set(key, events);
  return events;
}

/** The coordinator's news from the records when a master judges the agents so: remembered. */
export function fromRecords(state: State, livenessOf: (index: number) => Liveness): Events {
  const seen = state.agents.map(({ gate }, index) => `${gate} ${livenessOf(index)}`).join();
  const key = `${state.coordinator}/${seen}`;
  const known = heard.get(key);
  if (known) return known;
  const view = viewOf(state.coordinator, "coordinator", "");
  const events = eventsOf(
    recordsSay(
      view,
      recordsOf(state, () => false),
      ({ agent }) => livenessOf(agentNames.indexOf(agent as "a1")),
    ),
  );
  heard.set(key, events);
  return events;
}

/** Whether the agent may be master, who is silent being whoever is down, or nobody yet. */
export function mayBeMaster(state: State, index: number): boolean {
  if (state.versions.upgradeId === null || state.coordinator === 0) return true;
  const { version } = agentOf(state, index);
  const seen = state.agents.map(({ up, recordVersion }) => `${up}${recordVersion}`).join();
  const key = `${state.coordinator}/${index}/${version}/${seen}`;
  const known = eligible.get(key);
  if (known !== undefined) return known;
  const view = viewOf(state.coordinator, "coordinator", "");
  const agentOfName = (name: string) => agentOf(state, agentNames.indexOf(name as "a1"));
  const may = [true, false].some((isNoticed) =>
    isEligible(view, {
      ...{ agent: nameOf(index), version },
      versionOf(name) {
        const { up, recordVersion } = agentOfName(name);
        return up || !isNoticed ? recordVersion : null;
      },
    }),
  );
  eligible.set(key, may);
  return may;
}
