import { breaksOf, isEnd } from "./checks.ts";
import { createEdges, unreachable } from "./edges.ts";
import { canonical, decode, describeState, firstState, type State } from "./state.ts";
import { successorsOf } from "./successors.ts";
import type { Budget, Mutant } from "./vocabulary.ts";

export interface Violation {
  readonly broken: readonly string[];
  /** The shortest way to it, an action a line. */
  readonly path: readonly string[];
}

export interface Exploration {
  readonly states: number;
  readonly actions: number;
  readonly depth: number;
  readonly ends: number;
  readonly violation: Violation | null;
}

interface Options {
  readonly budget: Budget;
  readonly mutant?: Mutant | null;
  /** A bound on the memory: more states than these end it with an error. */
  readonly statesMax?: number;
  progress?(states: number, depth: number): void;
}

/** The actions that lead along the states, by the names that the agents have at the beginning. */
function pathAlong(codes: readonly string[], budget: Budget, mutant: Mutant | null): string[] {
  let state: State = firstState(budget);
  const lines: string[] = [];
  for (const next of codes) {
    const action = successorsOf(state, mutant).find((found) => canonical(found.state) === next);
    if (!action) throw new Error("expected an action that leads to the next state");
    state = action.state;
    lines.push(`${lines.length + 1}. ${action.label}   [${describeState(state)}]`);
  }
  return lines;
}

/** Breadth first over every state that the budget allows; the first that breaks something ends it. */
export function explore({ budget, mutant = null, statesMax, progress }: Options): Exploration {
  const first = canonical(firstState(budget));
  const numbers = new Map([[first, 0]]);
  const codes = [first];
  const parents = [0];
  const edges = createEdges();
  const ends: number[] = [];
  let [actions, depth, levelEnd] = [0, 0, 1];

  const violated = (at: number, broken: readonly string[], last: string | null): Exploration => {
    const way: string[] = last === null ? [] : [last];
    for (let number = at; number !== 0; number = parents[number] as number) {
      way.unshift(codes[number] as string);
    }
    const path = pathAlong(way, budget, mutant);
    return {
      ...{ states: codes.length, actions, depth, ends: ends.length },
      violation: { broken, path },
    };
  };

  for (let at = 0; at < codes.length; at += 1) {
    if (at === levelEnd) {
      depth += 1;
      levelEnd = codes.length;
      progress?.(codes.length, depth);
    }
    const state = decode(codes[at] as string);
    if (isEnd(state)) ends.push(at);
    for (const { state: after, fault, broken } of successorsOf(state, mutant)) {
      actions += 1;
      const code = canonical(after);
      if (broken.length > 0) return violated(at, broken, code);
      let number = numbers.get(code);
      if (number === undefined) {
        const wrong = breaksOf(after);
        if (wrong.length > 0) return violated(at, wrong, code);
        number = codes.push(code) - 1;
        numbers.set(code, number);
        parents.push(at);
        if (statesMax !== undefined && number >= statesMax) {
          throw new Error(`expected at most ${statesMax} states: use smaller bounds`);
        }
      }
      if (!fault && number !== at) edges.add(at, number);
    }
  }
  const stuck = unreachable(edges, codes.length, ends);
  if (stuck !== undefined) return violated(stuck, ["L1: no end can be reached"], null);
  return { states: codes.length, actions, depth, ends: ends.length, violation: null };
}
