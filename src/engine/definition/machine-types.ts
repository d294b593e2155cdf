// biome-ignore-all lint/suspicious/noExplicitAny: XState's own constraints are `any`.
import type {
  EmittedFrom,
  EventObject,
  InputFrom,
  OutputFrom,
  ParameterizedObject,
  ProvidedActor,
  StateMachine,
  TransitionActorLogic,
} from "xstate";
import type { ActionDefinition, TaskDefinition } from "./durable.ts";

/** The actors and actions that `setup` declares for a machine. Later versions of XState 5 have a 15th parameter, with a default. */
type PartsOf<TMachine> =
  TMachine extends StateMachine<
    any,
    any,
    any,
    infer TActor,
    infer TAction,
    any,
    any,
    any,
    any,
    any,
    any,
    infer TEmitted,
    any,
    any
  >
    ? { actor: TActor; action: TAction; emitted: TEmitted }
    : { actor: ProvidedActor; action: ParameterizedObject; emitted: EventObject };

/** So many machines may be invoked below one another in the types. At run time there is no such limit. */
type Deeper<Depth extends readonly unknown[]> = Depth extends readonly [unknown, ...infer Rest]
  ? Rest
  : never;
type Depths = readonly [1, 2, 3, 4, 5];

/** The machines among actors, each by itself. */
type MachineOf<TActor> = TActor extends { logic: infer TLogic }
  ? TLogic extends StateMachine<
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any,
      any
    >
    ? TLogic
    : never
  : never;

/** The declarations of a machine and of the machines below it. */
type AllParts<TMachine, Depth extends readonly unknown[] = Depths> = Depth extends readonly []
  ? never
  : TMachine extends unknown
    ? PartsOf<TMachine> | AllParts<MachineOf<PartsOf<TMachine>["actor"]>, Deeper<Depth>>
    : never;

type ActorOf<TMachine> = AllParts<TMachine>["actor"];
type ActionOf<TMachine> = AllParts<TMachine>["action"];
type LogicOf<TMachine, Source> = Extract<ActorOf<TMachine>, { src: Source }>["logic"];
type ParamsOf<TMachine, Type> = Extract<ActionOf<TMachine>, { type: Type }>["params"];

// The keys are not remapped with `as`: TypeScript would then not type the parameters of a function in these objects.

/** The tasks of a machine and of its machines, by the source that they invoke, typed by the logic that `setup` declares. */
export type TasksOf<TMachine> = {
  readonly [Source in ActorOf<TMachine>["src"]]?: TaskDefinition<
    InputFrom<LogicOf<TMachine, Source>>,
    OutputFrom<LogicOf<TMachine, Source>>
  >;
};

/** The durable actions of a machine and of its machines, typed by the parameters that `setup` declares. */
export type ActionsOf<TMachine> = {
  readonly [Type in ActionOf<TMachine>["type"]]?: ActionDefinition<ParamsOf<TMachine, Type>>;
};

/** Logic that computes within a machine, and emits there. */
type PureOf<TActor> = TActor extends { logic: infer TLogic }
  ? TLogic extends TransitionActorLogic<any, any, any, any>
    ? EmittedFrom<TLogic>
    : never
  : never;

/** The events that a machine emits, and the actors within it. */
export type EmittedOf<TMachine> = AllParts<TMachine>["emitted"] | PureOf<ActorOf<TMachine>>;
