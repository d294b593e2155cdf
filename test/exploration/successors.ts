import { masterActions } from "./actions/master-actions.ts";
import { participantActions } from "./actions/participant-actions.ts";
import { processActions } from "./actions/process-actions.ts";
import type { Action, Model } from "./model.ts";
import type { State } from "./state.ts";
import type { Mutant } from "./vocabulary.ts";

/** Everything that may happen next. */
export function successorsOf(state: State, mutant: Mutant | null): readonly Action[] {
  const model: Model = { mutant, actions: [] };
  for (const index of state.agents.keys()) {
    participantActions(model, state, index);
    masterActions(model, state, index);
    processActions(model, state, index);
  }
  return model.actions;
}
