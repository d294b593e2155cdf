import { createHash } from "node:crypto";
import { valid } from "semver";
import type { AnyActorLogic, AnyStateMachine } from "xstate";
import { limits } from "../../limits.ts";
import { isMachine, isPureLogic } from "../system/xstate/xstate-internals.ts";

interface TransitionLike {
  readonly actions: readonly unknown[];
  readonly guard?: unknown;
}

interface InvokeLike {
  readonly id: string;
  readonly src: unknown;
}

interface NodeLike {
  readonly id: string;
  readonly type: string;
  readonly config: { readonly invoke?: InvokeLike | readonly InvokeLike[] };
  readonly states: Readonly<Record<string, NodeLike>>;
  readonly initial: TransitionLike;
  readonly invoke: readonly InvokeLike[];
  readonly entry: readonly unknown[];
  readonly exit: readonly unknown[];
  readonly transitions: ReadonlyMap<string, readonly TransitionLike[]>;
  readonly always?: readonly TransitionLike[];
}

interface Names {
  readonly name: string;
  readonly version: string;
  readonly tasks: ReadonlyMap<string, { readonly run?: unknown }>;
  readonly actions: ReadonlyMap<string, unknown>;
}

/** An action that XState makes: it carries its type and its arguments as properties. */
interface BuiltIn {
  readonly type: string;
  readonly src?: unknown;
  readonly id?: unknown;
  readonly delay?: unknown;
}

function builtInOf(action: unknown): BuiltIn | null {
  return typeof action === "function" && "resolve" in action
    ? (action as unknown as BuiltIn)
    : null;
}

/** The name of an action or a guard that is not a function. */
function nameOf(reference: unknown): string {
  return typeof reference === "string" ? reference : (reference as { readonly type: string }).type;
}

const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u;

function nameTroubles({ name, version }: Names): string[] {
  const troubles: string[] = [];
  const isName = namePattern.test(name) && name.length <= limits.machineNameLengthMax;
  if (!isName) {
    troubles.push(
      `name: expected 1 to ${limits.machineNameLengthMax} letters, digits, ".", "_" or "-", found ${JSON.stringify(name)}`,
    );
  }
  if (valid(version) !== version) {
    troubles.push(
      `version: expected a semantic version as "1.0.0", found ${JSON.stringify(version)}`,
    );
  }
  return troubles;
}

/** Goes through a machine and the machines that it invokes or spawns by name, each once. */
class Inspection {
  readonly troubles: string[] = [];
  readonly seen = new Set<AnyStateMachine>();
  readonly sources = new Set<string>();
  readonly actions = new Set<string>();
  /** Each guard once a state: one can name itself by way of others. */
  readonly #guards = new Set<string>();
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  machine(machine: AnyStateMachine, where: string): void {
    if (this.seen.has(machine)) return;
    this.seen.add(machine);
    for (const [name, logic] of Object.entries(machine.implementations.actors)) {
      this.sources.add(name);
      if (isMachine(logic)) this.machine(logic, `${where} › ${name}`);
    }
    this.#node(machine, machine.root as unknown as NodeLike, where);
  }

  #node(machine: AnyStateMachine, node: NodeLike, where: string): void {
    const here = `${where}: state ${node.id}`;
    for (const { src } of node.invoke) this.#source(machine, src, here);
    for (const [index, { src }] of [node.config.invoke ?? []].flat().entries()) {
      if (isMachine(src)) this.machine(src, `${where} › ${node.invoke[index]?.id}`);
    }
    const entering = node.type === "compound" ? [node.initial] : [];
    const transitions = [...node.transitions.values(), node.always ?? [], entering].flat();
    for (const { guard } of transitions) this.#guard(machine, guard, here);
    const asked = [node.entry, node.exit, ...transitions.map(({ actions }) => actions)].flat();
    for (const action of asked) this.#action(machine, action, here);
    for (const child of Object.values(node.states)) this.#node(machine, child, where);
  }

  /** A guard that XState could not evaluate: it would fail at each event of its transition. */
  #guard(machine: AnyStateMachine, guard: unknown, here: string): void {
    if (guard === undefined || guard === null) return;
    if (typeof guard === "function") {
      const { guards = [] } = guard as { readonly guards?: readonly unknown[] };
      for (const inner of guards) this.#guard(machine, inner, here);
      return;
    }
    const name = nameOf(guard);
    if (this.#guards.has(`${here} ${name}`)) return;
    this.#guards.add(`${here} ${name}`);
    const own: unknown = machine.implementations.guards[name];
    if (own === undefined) this.#missingGuard(name, here);
    else this.#guard(machine, own, here);
  }

  #missingGuard(name: string, here: string): void {
    this.troubles.push(
      `${here} asks for the guard "${name}", which nothing implements: add it to \`setup({ guards })\``,
    );
  }

  #source(machine: AnyStateMachine, src: unknown, here: string): void {
    if (typeof src !== "string") return;
    this.sources.add(src);
    const isInline = src.startsWith("xstate.invoke.");
    const logic: unknown = machine.implementations.actors[src];
    const run = this.#names.tasks.get(src)?.run;
    if (!isInline && logic === undefined && run === undefined) {
      this.troubles.push(
        `${here} invokes "${src}", which nothing implements: add it to \`tasks\`, or to \`setup({ actors })\``,
      );
    }
  }

  #action(machine: AnyStateMachine, action: unknown, here: string): void {
    const builtIn = builtInOf(action);
    if (builtIn) {
      this.#builtIn(machine, builtIn, here);
      return;
    }
    if (typeof action === "function") return;
    const name = nameOf(action);
    if (name.startsWith("xstate.")) return;
    this.actions.add(name);
    const own: unknown = machine.implementations.actions[name];
    const isDurable = this.#names.actions.has(name);
    if (own === undefined && !isDurable) {
      this.troubles.push(
        `${here} asks for the action "${name}", which nothing implements: add it to \`actions\`, or to \`setup({ actions })\``,
      );
    }
    const ownBuiltIn = builtInOf(own);
    if (ownBuiltIn && isDurable) {
      this.troubles.push(
        `\`actions.${name}\` would replace the machine's own "${ownBuiltIn.type}": give it another name`,
      );
    }
    if (ownBuiltIn) this.#builtIn(machine, ownBuiltIn, here);
  }

  #builtIn(machine: AnyStateMachine, { type, src, id, delay }: BuiltIn, here: string): void {
    if (typeof delay === "string" && machine.implementations.delays[delay] === undefined) {
      this.troubles.push(
        `${here} asks for the delay "${delay}", which nothing implements, so that XState would not wait: add it to \`setup({ delays })\``,
      );
    }
    if (type !== "xstate.spawnChild") return;
    if (typeof src !== "string") {
      this.troubles.push(
        `${here} spawns inline logic, which no other process can start again: name it in \`setup({ actors })\``,
      );
      return;
    }
    this.#source(machine, src, here);
    if (id === undefined) {
      this.troubles.push(`${here} spawns "${src}" without an id: give \`spawnChild\` an \`id\``);
    }
  }
}

function unusedTroubles(inspection: Inspection, names: Names): string[] {
  const { sources, actions, seen } = inspection;
  const unknown = [...names.tasks.keys()].filter((name) => !sources.has(name));
  const declared = new Set([...seen].flatMap((each) => Object.keys(each.implementations.actions)));
  const unasked = [...names.actions.keys()].filter(
    (name) => !actions.has(name) && !declared.has(name),
  );
  const notTasks = [...names.tasks.keys()].filter((name) =>
    [...seen].some(({ implementations }) => {
      const logic = implementations.actors[name] as AnyActorLogic | undefined;
      return logic !== undefined && (isMachine(logic) || isPureLogic(logic));
    }),
  );
  return [
    ...unknown.map((name) => `\`tasks.${name}\`: no state invokes "${name}": take it out`),
    ...unasked.map(
      (name) =>
        `\`actions.${name}\`: no state asks for "${name}": take it out, or name it in \`setup({ actions })\``,
    ),
    ...notTasks.map(
      (name) =>
        `\`tasks.${name}\`: "${name}" is a machine or a transition function, which the engine runs by itself: take it out`,
    ),
  ];
}

/**
 * A function of the chart as text, and everything else of it as it is, with the names of what `setup` implements, so that
 * equal charts have equal texts. The code of an implementation is left out: it is not part of the chart.
 */
function chartText(machine: AnyStateMachine): string {
  const seen = new WeakSet<object>();
  const { actors, actions, guards, delays } = machine.implementations;
  const names = [actors, actions, guards, delays].map((each) => Object.keys(each).toSorted());
  return JSON.stringify([names, machine.config], (_key, value: unknown) => {
    if (typeof value === "function") return { ...value, code: String(value) };
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "object" && value !== null) {
      if (seen.has(value)) return "seen";
      seen.add(value);
    }
    return value;
  });
}

/** Why a machine cannot be made durable, and a digest of its charts, tasks and actions. Pure. */
export function inspectMachine(
  machine: AnyStateMachine,
  names: Names,
): { readonly troubles: readonly string[]; readonly digest: string } {
  if (!isMachine(machine)) {
    return { troubles: ["expected a machine of XState 5, found something else"], digest: "" };
  }
  const inspection = new Inspection(names);
  inspection.machine(machine, names.name);
  const charts = [...inspection.seen].map(chartText).toSorted();
  const troubles = [
    ...nameTroubles(names),
    ...inspection.troubles,
    ...unusedTroubles(inspection, names),
  ];
  const declared = [names.tasks, names.actions].map((each) => [...each.keys()].toSorted());
  const text = [JSON.stringify(declared), ...charts].join("\n");
  return { troubles, digest: createHash("sha256").update(text).digest("hex") };
}
