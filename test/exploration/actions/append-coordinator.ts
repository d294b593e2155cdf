import type { Write } from "../../../src/journal/store.ts";
import { agentOf, applyWrites, type Model, nameOf, spent, withAgent } from "../model.ts";
import type { Mastership, State } from "../state.ts";
import { type Answered, eventId, type ModelEvent, move } from "../tails.ts";

/** Whether the fence refuses what this agent writes as a master. */
export function isRefused(model: Model, state: State, index: number): boolean {
  const { master } = agentOf(state, index);
  return master === null || (master.behind > 0 && model.mutant !== "no-fence");
}

/** S4: what is broken when this agent's write as a master takes effect. */
export function staleWrites(state: State, index: number): readonly string[] {
  const isStale = (agentOf(state, index).master?.behind ?? 0) > 0;
  return isStale ? ["S4: an older epoch's write took effect"] : [];
}

export function withMaster(state: State, index: number, change: Partial<Mastership>): State {
  const { master } = agentOf(state, index);
  if (master === null) throw new Error("expected a master");
  return withAgent(state, index, { master: { ...master, ...change } });
}

/** The fence refuses: it knows now that it is master no more. */
export function deposed(model: Model, state: State, index: number, what: string): void {
  const label = `${nameOf(index)} is refused ${what}: a successor is there`;
  const after = withAgent(state, index, { master: null });
  model.actions.push({ label, state: after, fault: false, broken: [] });
}

function carelessWrites(model: Model, writes: readonly Write[]): readonly Write[] {
  if (model.mutant === "no-value-in-transition") {
    return writes.map((write) =>
      write.set?.["agentVersion"] === "1.1.0" ? { ...write, set: withoutDatabase(write) } : write,
    );
  }
  return writes;
}

function withoutDatabase({ set = {} }: Write): NonNullable<Write["set"]> {
  const { databaseVersion: _, ...rest } = set;
  return rest;
}

/** The coordinator's entry with its control writes, in one fenced transaction. */
export function appendToCoordinator(
  model: Model,
  state: State,
  index: number,
  event: ModelEvent,
  answered: Answered,
  options: { readonly fault?: boolean } = {},
): void {
  const { master } = agentOf(state, index);
  if (master === null) return;
  const overtaken = master.behind > state.coordinatorBehind;
  if (isRefused(model, state, index) || overtaken) {
    deposed(model, state, index, `its ${event.type}`);
    return;
  }
  const { to, writes, broken } = move(state.coordinator, eventId(event), answered);
  appended(model, state, index, {
    ...{ label: `${nameOf(index)} appends ${event.type}`, to, writes, broken },
    fault: options.fault ?? false,
  });
}

/** The durable state once the transaction has committed, and its master's knowledge of it. */
export function appended(
  model: Model,
  state: State,
  index: number,
  entry: {
    readonly label: string;
    readonly to: number;
    readonly writes: readonly Write[];
    readonly broken: readonly string[];
    readonly fault: boolean;
  },
): void {
  const { label, to, fault } = entry;
  const { master } = agentOf(state, index);
  const forgets = model.mutant === "roll-back-forgets-agent-version";
  const isTurn = ({ set, expect }: Write) => set?.["agentVersion"] === "1.0.0" && expect !== null;
  const writes = carelessWrites(
    model,
    forgets ? entry.writes.filter((write) => !isTurn(write)) : entry.writes,
  );
  const written = applyWrites(state, writes);
  if (!written) {
    const given = withMaster(state, index, { hand: 0 });
    const refused = `${label}: a write is refused`;
    model.actions.push({ label: refused, state: given, fault, broken: [] });
    return;
  }
  const broken = [...entry.broken, ...staleWrites(state, index)];
  const durable = { ...written, coordinator: to };
  const known = withMaster(durable, index, { hand: 0, believed: 0 });
  model.actions.push({ label, state: known, fault, broken });
  const lost = spent(durable, "lostAnswers");
  if (!lost || master?.believed !== 0 || state.coordinator === 0) return;
  model.actions.push({
    label: `${label}, the answer is lost`,
    state: withMaster(lost, index, { hand: 0, believed: state.coordinator }),
    ...{ fault: true, broken },
  });
}

/** After a lost answer the engine reads what is durable. */
export function recoverMaster(model: Model, state: State, index: number): void {
  const { master } = agentOf(state, index);
  if (!master || master.believed === 0) return;
  const known = withMaster(state, index, { believed: 0 });
  const label = `${nameOf(index)} reads what it had appended`;
  model.actions.push({ label, state: known, fault: false, broken: [] });
}
