import fc from "fast-check";

/** The deeds of a generated chart as data, so that fast-check can shrink it. Numbers are taken modulo what there is. */
export type ActionSpec =
  | { readonly do: "put"; readonly kind: number }
  | { readonly do: "count" | "note" | "own" | "inline" | "mail" | "emit" | "log" }
  | { readonly do: "raise" | "parent"; readonly event: number }
  | {
      readonly do: "later" | "parentLater";
      readonly event: number;
      readonly delay: number;
      readonly id: number | null;
    }
  | { readonly do: "cancel"; readonly id: number }
  | {
      readonly do: "spawn" | "assignSpawn";
      readonly source: number;
      readonly isKnown: boolean;
      /** Its snapshots are events of its parent. */
      readonly isSynced: boolean;
    }
  | { readonly do: "stop"; readonly which: number }
  | {
      readonly do: "tell";
      readonly which: number;
      readonly event: number;
      readonly delay: number | null;
    }
  | { readonly do: "either"; readonly one: ActionSpec; readonly other: ActionSpec };

export type GuardSpec =
  | { readonly if: "rest"; readonly of: number; readonly is: number }
  | { readonly if: "not"; readonly guard: GuardSpec }
  | { readonly if: "and" | "or"; readonly guards: readonly GuardSpec[] }
  | { readonly if: "in"; readonly state: number };

export interface TransitionSpec {
  /** An event, "*", or the beginning of events. */
  readonly event: number;
  readonly target: number | null;
  /** A second target, which need not fit the first one. */
  readonly also: number | null;
  readonly reenter: boolean;
  readonly guard: GuardSpec | null;
  readonly actions: readonly ActionSpec[];
}

export interface InvokeSpec {
  readonly source: number;
  readonly hasId: boolean;
  readonly onDone: TransitionSpec | null;
  readonly onError: TransitionSpec | null;
  readonly onSnapshot: TransitionSpec | null;
}

export interface NodeSpec {
  readonly kind: "atomic" | "compound" | "parallel" | "final";
  readonly states: readonly NodeSpec[];
  readonly initial: number;
  /** The actions of the initial transition. */
  readonly entering: readonly ActionSpec[];
  readonly history: "shallow" | "deep" | null;
  readonly entry: readonly ActionSpec[];
  readonly exit: readonly ActionSpec[];
  readonly on: readonly TransitionSpec[];
  /** An event that the state keeps from the states above, where it has no transition for it. */
  readonly forbids: number | null;
  /** The event `xstate.route` leads to it. */
  readonly isRoutable: boolean;
  readonly always: TransitionSpec | null;
  readonly after: readonly { readonly delay: number; readonly transition: TransitionSpec }[];
  readonly invoke: readonly InvokeSpec[];
  readonly onDone: TransitionSpec | null;
  readonly isTagged: boolean;
}

export interface ChartSpec {
  readonly root: NodeSpec;
  readonly children: readonly NodeSpec[];
}

export type StepSpec =
  | { readonly do: "event"; readonly event: number; readonly data: number }
  | { readonly do: "route"; readonly state: number }
  | { readonly do: "elapse"; readonly ms: number }
  | { readonly do: "settle"; readonly which: number; readonly isDone: boolean }
  | { readonly do: "callback"; readonly which: number; readonly event: number };

export const eventNames = ["E0", "E1", "part.two", "part.three", "*", "part.*"] as const;
export const sourceNames = ["task", "counter", "ears", "child0", "child1"] as const;

const event = fc.nat({ max: 3 });
const delay = fc.nat({ max: 9 });

const plainAction: fc.Arbitrary<ActionSpec> = fc.oneof(
  fc.record({ do: fc.constant("put" as const), kind: fc.nat({ max: 11 }) }),
  fc.record({
    do: fc.constantFrom("count", "note", "own", "inline", "mail", "emit", "log" as const),
  }),
  fc.record({ do: fc.constantFrom("raise", "parent" as const), event }),
  fc.record({
    do: fc.constantFrom("later", "later", "parentLater" as const),
    ...{ event, delay, id: fc.option(fc.nat({ max: 2 })) },
  }),
  fc.record({ do: fc.constant("cancel" as const), id: fc.nat({ max: 2 }) }),
  fc.record({
    do: fc.constantFrom("spawn", "assignSpawn" as const),
    source: fc.nat({ max: 4 }),
    isKnown: fc.boolean(),
    isSynced: fc.boolean(),
  }),
  fc.record({ do: fc.constant("stop" as const), which: fc.nat({ max: 5 }) }),
  fc.record({
    do: fc.constant("tell" as const),
    ...{ which: fc.nat({ max: 5 }), event, delay: fc.option(delay, { freq: 3 }) },
  }),
);
const action: fc.Arbitrary<ActionSpec> = fc.oneof(
  { weight: 8, arbitrary: plainAction },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("either" as const),
      one: plainAction,
      other: plainAction,
    }),
  },
);
const actions = fc.array(action, { maxLength: 2 });

const rest = fc.record({
  if: fc.constant("rest" as const),
  of: fc.integer({ min: 2, max: 3 }),
  is: fc.nat({ max: 2 }),
});
const guard: fc.Arbitrary<GuardSpec> = fc.oneof(
  rest,
  fc.record({ if: fc.constant("not" as const), guard: rest }),
  fc.record({ if: fc.constant("in" as const), state: fc.nat({ max: 11 }) }),
  fc.record({ if: fc.constantFrom("and", "or" as const), guards: fc.tuple(rest, rest) }),
);

const transition: fc.Arbitrary<TransitionSpec> = fc.record({
  event: fc.oneof({ weight: 8, arbitrary: event }, { weight: 1, arbitrary: fc.constantFrom(4, 5) }),
  target: fc.option(fc.nat({ max: 11 }), { freq: 4 }),
  also: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.nat({ max: 11 }) },
  ),
  reenter: fc.boolean(),
  guard: fc.option(guard, { freq: 1 }),
  actions,
});
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>, freq = 2) =>
  fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: freq, arbitrary });
const seldom = <Value>(arbitrary: fc.Arbitrary<Value>, freq = 4) =>
  fc.oneof({ weight: freq, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const invoke: fc.Arbitrary<InvokeSpec> = fc.record({
  source: fc.nat({ max: 4 }),
  hasId: fc.boolean(),
  onDone: maybe(transition, 4),
  onError: maybe(transition, 8),
  onSnapshot: seldom(transition),
});

const nothing = {
  ...{ states: fc.constant([]), initial: fc.constant(0), history: fc.constant(null) },
  ...{ onDone: fc.constant(null), isTagged: fc.boolean(), entering: fc.constant([]) },
  isRoutable: fc.boolean(),
};
const behaviour = {
  ...{ entry: actions, exit: actions, on: fc.array(transition, { maxLength: 3 }) },
  forbids: seldom(event),
  always: seldom(transition, 12),
  after: fc.array(fc.record({ delay, transition }), { maxLength: 2 }),
  invoke: fc.array(invoke, { maxLength: 1 }),
};

const atomic: fc.Arbitrary<NodeSpec> = fc.record({
  ...{ kind: fc.constant("atomic" as const), ...nothing, ...behaviour },
});
const final: fc.Arbitrary<NodeSpec> = fc.record({
  ...{ kind: fc.constant("final" as const), ...nothing, entry: actions, exit: actions },
  ...{ on: fc.constant([]), always: fc.constant(null), after: fc.constant([]) },
  forbids: fc.constant(null),
  invoke: fc.constant([]),
});

function branch(inner: fc.Arbitrary<NodeSpec>): fc.Arbitrary<NodeSpec> {
  const parts = {
    history: fc.oneof(fc.constant(null), fc.constantFrom("shallow" as const, "deep" as const)),
    ...{ initial: fc.nat({ max: 2 }), onDone: maybe(transition), isTagged: fc.boolean() },
    ...{ entering: actions, isRoutable: fc.boolean() },
    ...behaviour,
  };
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("compound" as const),
        states: fc.array(
          fc.oneof({ weight: 6, arbitrary: inner }, { weight: 1, arbitrary: final }),
          { minLength: 1, maxLength: 3 },
        ),
        ...parts,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("parallel" as const),
        states: fc.array(inner, { minLength: 2, maxLength: 2 }),
        ...parts,
      }),
    },
  );
}

const small = branch(atomic);
const middle = branch(fc.oneof({ weight: 2, arbitrary: atomic }, { weight: 1, arbitrary: small }));
const large = branch(fc.oneof({ weight: 2, arbitrary: atomic }, { weight: 1, arbitrary: middle }));

export const anyChart: fc.Arbitrary<ChartSpec> = fc.record({
  root: large,
  children: fc.tuple(small, small),
});

const step: fc.Arbitrary<StepSpec> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("event" as const),
      event,
      data: fc.nat({ max: 11 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("route" as const), state: fc.nat({ max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("elapse" as const),
      ms: fc.integer({ min: 0, max: 15 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      which: fc.nat({ max: 3 }),
      isDone: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("callback" as const),
      which: fc.nat({ max: 2 }),
      event,
    }),
  },
);
export const anyScript: fc.Arbitrary<readonly StepSpec[]> = fc.array(step, {
  minLength: 1,
  maxLength: 12,
});

/** See `CrashPicks`. */
export const anyPicks: fc.Arbitrary<readonly (readonly [number, number | null])[]> = fc.tuple(
  fc.tuple(fc.nat(), fc.constant(null)),
  fc.tuple(fc.nat(), fc.nat()),
);
