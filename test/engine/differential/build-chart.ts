// biome-ignore-all lint/suspicious/noExplicitAny: a generated chart has no types of its own.
import {
  type AnyActorLogic,
  type AnyStateMachine,
  and,
  assign,
  cancel,
  emit,
  enqueueActions,
  log,
  not,
  or,
  raise,
  sendParent,
  sendTo,
  setup,
  stateIn,
  stopChild,
} from "xstate";
import {
  type ChartWorld,
  childOf,
  counter,
  delaysMs,
  forbidden,
  idNames,
  messageOf,
  type OutsideLogic,
  values,
} from "./chart-parts.ts";
import {
  type ActionSpec,
  type ChartSpec,
  eventNames,
  type GuardSpec,
  type InvokeSpec,
  type NodeSpec,
  sourceNames,
  type TransitionSpec,
} from "./chart-spec.ts";

/** So many raises without a delay, and turns of `always`, one actor may take: a chart has to end. */
const fuelMax = 20;

interface Numbered {
  readonly spec: NodeSpec;
  readonly id: string;
  readonly children: readonly Numbered[];
  readonly historyId: string | null;
}

/** Builds one machine of a spec. */
class Builder {
  readonly #isChild: boolean;
  readonly #world: ChartWorld;
  readonly #ids: string[] = [];
  #count = 0;

  constructor(isChild: boolean, world: ChartWorld) {
    this.#isChild = isChild;
    this.#world = world;
  }

  get #id(): string {
    return this.#isChild ? "child" : "root";
  }

  build(spec: NodeSpec, sources: Readonly<Record<string, AnyActorLogic>>): AnyStateMachine {
    const root = this.#number(spec);
    const config = this.#node(root, true);
    const n = ({ context }: any) => context.n;
    return setup({
      actors: sources as any,
      actions: {
        own: ({ context }: any) => this.#world.did("own", context.n),
        mail: (_: any, params: any) => this.#world.mail?.(params),
        combined: enqueueActions(({ enqueue }: any) => {
          enqueue.assign({ n: ({ context }: any) => context.n + 1 });
          enqueue({ type: "mail", params: { combined: true } });
        }) as any,
      },
      guards: {
        rest: (args: any, { of, is }: any) => n(args) % of === is % of,
        hasFuel: ({ context, event }: any) => context.fuel > 0 || event.serial > context.serial,
      },
      delays: { fixed: 10, dynamic: (args: any) => 4 + (n(args) % 3) * 3 } as any,
    } as any).createMachine({
      ...config,
      id: this.#id,
      context: ({ input, self }: any) => ({
        ...{
          n: input?.n ?? 0,
          fuel: this.#isChild ? fuelMax / 2 : fuelMax,
          seen: [],
          spawned: 0,
          serial: 0,
          values: {},
        },
        ...(input?.parent ? { parent: input.parent, self } : {}),
      }),
      output: ({ context }: any) => ({ n: context.n, seen: context.seen, values: context.values }),
    } as any) as unknown as AnyStateMachine;
  }

  #number(spec: NodeSpec): Numbered {
    const id = `s${this.#count}`;
    this.#count += 1;
    // The root is no target.
    if (id !== "s0") this.#ids.push(id);
    const historyId = spec.history === null || spec.kind === "atomic" ? null : `h-${id}`;
    if (historyId !== null) this.#ids.push(historyId);
    const children = spec.states.map((child) => this.#number(child));
    return { spec, id, children, historyId };
  }

  #node({ spec, id, children, historyId }: Numbered, isRoot: boolean): any {
    const { kind, history } = spec;
    if (kind === "final") {
      return {
        ...{ type: "final", id, entry: this.#actions(spec.entry), exit: this.#actions(spec.exit) },
        output: ({ context }: any) => ({ from: id, n: context.n }),
      };
    }
    const states = Object.fromEntries(
      children.map((child) => [child.id, this.#node(child, false)]),
    );
    if (historyId !== null) {
      states["history"] = { type: "history", id: historyId, history };
    }
    const initial = children[spec.initial % Math.max(1, children.length)];
    return {
      ...(isRoot ? {} : { id }),
      ...(spec.isRoutable && !isRoot ? { route: {} } : {}),
      ...(kind === "parallel" ? { type: "parallel" } : {}),
      ...(kind === "compound" && initial
        ? { initial: { target: initial.id, actions: this.#actions(spec.entering) } }
        : {}),
      ...(children.length > 0 ? { states } : {}),
      entry: this.#actions(spec.entry),
      exit: this.#actions(spec.exit),
      on: { ...forbidden(spec.forbids), ...this.#on(spec.on) },
      ...(spec.always ? { always: this.#fuelled(spec.always) } : {}),
      after: this.#after(spec.after),
      invoke: spec.invoke.map((invoke, index) =>
        this.#invoke(
          invoke,
          invoke.hasId ? `${id}.i${index}` : `${index}.${isRoot ? this.#id : id}`,
        ),
      ),
      ...(spec.onDone && kind !== "atomic" ? { onDone: this.#fuelled(spec.onDone) } : {}),
      ...(spec.isTagged ? { tags: [`tag-${id}`] } : {}),
    };
  }

  #on(transitions: readonly TransitionSpec[]): any {
    const on: Record<string, any[]> = {};
    for (const transition of transitions) {
      const name = eventNames[transition.event] as string;
      on[name] = [...(on[name] ?? []), this.#fuelled(transition)];
    }
    return on;
  }

  #after(timers: NodeSpec["after"]): any {
    const after: Record<string, any[]> = {};
    for (const { delay, transition } of timers) {
      const key = String(this.#delay(delay));
      after[key] = [...(after[key] ?? []), this.#fuelled(transition)];
    }
    return after;
  }

  /** Milliseconds, or the name of a delay. */
  #delay(index: number): number | string {
    if (index === 9) return "dynamic";
    return index === 6 ? "fixed" : (delaysMs[index] as number);
  }

  #target(...targets: readonly (number | null)[]): any {
    if (targets[0] === null || this.#ids.length === 0) return {};
    const ids = targets.flatMap((each) =>
      each === null ? [] : [`#${this.#ids[each % this.#ids.length]}`],
    );
    return { target: ids.length === 1 ? ids[0] : ids };
  }

  #transition({ target, also, reenter, guard, actions }: TransitionSpec): any {
    return {
      ...this.#target(target, also),
      ...(reenter ? { reenter } : {}),
      ...(guard ? { guard: this.#guard(guard) } : {}),
      actions: [{ type: "own" }, ...this.#actions(actions)].slice(actions.length > 0 ? 1 : 0),
    };
  }

  /** A transition that could follow itself at once, and costs fuel therefore. */
  #fuelled(transition: TransitionSpec): any {
    const built = this.#transition(transition);
    const guard = built.guard === undefined ? "hasFuel" : and(["hasFuel", built.guard]);
    // Each event of the script fills the tank once.
    const burn = assign(({ context, event }: any) =>
      event.serial > context.serial
        ? { fuel: fuelMax, serial: event.serial }
        : { fuel: context.fuel - 1 },
    );
    return { ...built, guard, actions: [burn, ...built.actions] };
  }

  #guard(guard: GuardSpec): any {
    switch (guard.if) {
      case "rest":
        return { type: "rest", params: { of: guard.of, is: guard.is } };
      case "not":
        return not(this.#guard(guard.guard));
      case "and":
      case "or": {
        const guards = guard.guards.map((each) => this.#guard(each));
        return guard.if === "and" ? and(guards) : or(guards);
      }
      case "in": {
        const ids = this.#ids.filter((id) => !id.startsWith("h-"));
        return ids.length === 0 ? "hasFuel" : stateIn(`#${ids[guard.state % ids.length]}`);
      }
    }
  }

  #source(index: number): string {
    const names = this.#isChild ? sourceNames.slice(0, 3) : sourceNames;
    return names[index % names.length] as string;
  }

  /** @param id the id that XState gives the child too where it has none of its own */
  #invoke({ source, hasId, onDone, onError, onSnapshot }: InvokeSpec, id: string): any {
    const src = this.#source(source);
    return {
      ...{ src, input: this.#inputOf(id) },
      ...(hasId ? { id } : {}),
      ...(onDone ? { onDone: this.#fuelled(this.#noting(onDone)) } : {}),
      ...(onError ? { onError: this.#fuelled(this.#noting(onError)) } : {}),
      ...(onSnapshot && src !== "task" && src !== "ears"
        ? { onSnapshot: this.#fuelled(onSnapshot) }
        : {}),
    };
  }

  #noting(transition: TransitionSpec): TransitionSpec {
    return { ...transition, actions: [{ do: "note" }, ...transition.actions] };
  }

  #inputOf(id: string): any {
    return ({ context, self }: any) => ({ n: context.n, parent: self, id, at: new Date(7) });
  }

  #actions(actions: readonly ActionSpec[]): any[] {
    return actions.map((action) => this.#action(action));
  }

  #burning(act: (enqueue: any, args: any) => void): any {
    return enqueueActions((args: any) => {
      if (args.context.fuel <= 0) return;
      args.enqueue.assign({ fuel: ({ context }: any) => context.fuel - 1 });
      act(args.enqueue, args);
    });
  }

  #delayMs(index: number): any {
    if (index === 9) return ({ context }: any) => 4 + (context.n % 3) * 3;
    return index === 6 ? "fixed" : index === 0 ? 1 : delaysMs[index];
  }

  #action(action: ActionSpec): any {
    switch (action.do) {
      case "put": {
        const make = values[action.kind % values.length] as (n: number) => unknown;
        const key = `v${action.kind}`;
        return assign({
          values: ({ context }: any) => ({ ...context.values, [key]: make(context.n) }),
        });
      }
      case "count":
        return assign({ n: ({ context }: any) => context.n + 1 });
      case "note":
        return assign({
          seen: ({ context, event }: any) =>
            [...context.seen, [event.type, event.data, event.output, messageOf(event.error)]].slice(
              -6,
            ),
        });
      case "own":
        return "combined";
      case "inline":
        return ({ context }: any) => this.#world.did("inline", context.n);
      case "mail":
        return {
          type: "mail",
          params: ({ context, event }: any) => ({ n: context.n, on: event.type, data: event.data }),
        };
      case "emit":
        return emit(({ context }: any) => ({ type: "news", n: context.n, values: context.values }));
      case "log":
        return log(({ context }: any) => context.n, "n");
      case "cancel":
        return cancel(idNames[action.id] as string);
      case "either": {
        const [one, other] = [this.#action(action.one), this.#action(action.other)];
        return enqueueActions(({ enqueue, context }: any) => {
          enqueue(context.n % 2 === 0 ? one : other);
        });
      }
      case "raise":
      case "later":
      case "parent":
      case "parentLater":
        return this.#sending(action);
      case "assignSpawn":
      case "spawn":
      case "stop":
      case "tell":
        return this.#withChildren(action);
    }
  }

  #sending(action: Extract<ActionSpec, { do: "raise" | "later" | "parent" | "parentLater" }>): any {
    const event = ({ context }: any) => ({
      type: eventNames[action.event],
      data: [context.n, new Date(context.n)],
    });
    const upwards = this.#isChild && (action.do === "parent" || action.do === "parentLater");
    const isOdd = action.event % 2 === 1;
    if (!("delay" in action)) {
      return this.#burning((enqueue, { context }) => {
        if (!upwards) enqueue.raise(event);
        else if (isOdd) enqueue.sendTo(context.parent, event);
        else enqueue(sendParent(event as any));
      });
    }
    const options = {
      delay: this.#delayMs(action.delay),
      ...(action.id === null ? {} : { id: idNames[action.id] }),
    };
    if (!upwards) return raise(event as any, options);
    if (!isOdd) return sendParent(event as any, options);
    return sendTo(({ context }: any) => context.parent, event as any, options);
  }

  #withChildren(
    action: Extract<ActionSpec, { do: "spawn" | "assignSpawn" | "stop" | "tell" }>,
  ): any {
    if (action.do === "stop") {
      return stopChild(({ self }: any) => childOf(self, action.which)?.id ?? "nobody");
    }
    if (action.do === "tell") {
      const event = ({ context }: any) => ({ type: eventNames[action.event], data: context.n });
      const options = action.delay === null ? {} : { delay: this.#delayMs(action.delay) };
      return this.#burning((enqueue, { self }) => {
        const child = childOf(self, action.which);
        if (child) enqueue.sendTo(child, event, options);
      });
    }
    const src = this.#source(action.source);
    const naming = (context: any) => ({
      id: `w${context.spawned}`,
      ...(action.isKnown ? { systemId: `system ${this.#isChild}-${context.spawned}` } : {}),
      ...(action.isSynced ? { syncSnapshot: true } : {}),
    });
    return this.#burning((enqueue, { context }) => {
      enqueue.assign({ spawned: context.spawned + 1 });
      if (action.do === "spawn") {
        const named = naming(context);
        enqueue.spawnChild(src, { ...named, input: this.#inputOf(named.id) });
        return;
      }
      enqueue.assign({
        ref: ({ spawn, self }: any) => {
          const named = naming(context);
          return spawn(src, { ...named, input: { n: context.n, parent: self, id: named.id } });
        },
      });
    });
  }
}

/** The machine of a spec. */
export function buildChart(
  spec: ChartSpec,
  outside: OutsideLogic,
  world: ChartWorld,
): AnyStateMachine {
  const sources = { ...outside, counter };
  const children = Object.fromEntries(
    spec.children.map((child, index) => [
      `child${index}`,
      new Builder(true, world).build(child, sources),
    ]),
  );
  return new Builder(false, world).build(spec.root, { ...sources, ...children });
}
