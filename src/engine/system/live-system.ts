import { type AnyActorLogic, type AnyStateMachine, createActor, type EventObject } from "xstate";
import { assert, messageOf } from "../../errors.ts";
import type { Entry, WorkRecord } from "../journal/entry.ts";
import { decode } from "../values/decode.ts";
import { encode } from "../values/encode.ts";
import { Births } from "./births.ts";
import { GoneActor } from "./gone-actor.ts";
import type { Cause, Chart, Outcome, RunStamp } from "./outcome.ts";
import { Run } from "./run.ts";
import { endless, notReadable, replaced } from "./system-refusals.ts";
import { TimerTable } from "./timer-table.ts";
import {
  isStub,
  persistedOf,
  type StoredActor,
  type StoredTree,
  stateText,
  stoppedTree,
  storeTree,
  workOf,
} from "./tree.ts";
import { Interceptor } from "./xstate/interceptor.ts";
import { prepared } from "./xstate/prepared.ts";
import { SettledEvent } from "./xstate/stub-logic.ts";
import {
  asLive,
  childOf,
  inspectOnlyCreations,
  isActorRef,
  isEndlessError,
  isMachine,
  isRunning,
  type LiveActor,
  onActorCreated,
} from "./xstate/xstate-internals.ts";

interface RootSnapshot {
  readonly status: Outcome["status"];
  readonly value: unknown;
  readonly error: unknown;
  readonly tags: ReadonlySet<string>;
}

/** The means of a system. */
export interface SystemOptions {
  readonly chart: Chart;
  /** Called with an event that code outside a run sends to an actor of the system. */
  readonly onOutside: (birth: number, event: object) => void;
}

/**
 * One root actor with all its children, run by XState itself: an interceptor takes over only what would leave the
 * process. Time stands still during a run.
 */
export class LiveSystem {
  readonly #options: SystemOptions;
  readonly #births = new Births();
  readonly #interceptor: Interceptor;
  #root: LiveActor | undefined;
  #timers = new TimerTable([]);
  /** Actions and messages that wait, and the work of children with their inputs. */
  #work: readonly WorkRecord[] = [];
  #run: Run | undefined;

  private constructor(options: SystemOptions) {
    this.#options = options;
    this.#interceptor = new Interceptor({
      ...{ chart: options.chart, births: this.#births },
      run: () => this.#run,
      timers: () => this.#timers,
      encode: (value, where) => this.encode(value, where),
    });
  }

  /** A new system, and its first outcome. */
  static begin(options: SystemOptions, input: unknown, stamp: RunStamp): [LiveSystem, Outcome] {
    const system = new LiveSystem(options);
    const outcome = system.#collect(stamp, () => {
      system.#create({ input });
      system.#rootActor.start();
      return true;
    });
    return [system, outcome];
  }

  /**
   * The system of a journal entry. No action runs again, and no event is sent.
   * @throws LockstepError `entry-not-readable` where this chart cannot go on from the entry
   */
  static revive(
    options: SystemOptions,
    entry: Pick<Entry, "actor" | "status" | "snapshot" | "timers" | "work">,
  ): LiveSystem {
    const system = new LiveSystem(options);
    assert(entry.snapshot !== null, "the latest entry has its snapshot", { actor: entry.actor });
    const references: { readonly birth: number; readonly put: (value: unknown) => void }[] = [];
    const read = (text: string) =>
      decode(text, { later: (birth, put) => void references.push({ birth: Number(birth), put }) });
    const stored = read(entry.snapshot) as StoredTree;
    const tree = entry.status === "stopped" ? stoppedTree(stored) : stored;
    const inputs = new Map(entry.work.map(({ id, input }) => [id, read(input)]));
    const timers = entry.timers.map((timer) => ({ ...timer, event: read(timer.event) }));
    system.#births.expect(tree.root, tree.nextBirth);
    system.#work = entry.work;
    system.#timers = new TimerTable(timers);
    system.#create({ snapshot: persistedOf(tree.root, (workId) => inputs.get(workId)) });
    for (const id of tree.taken ?? []) system.#rootActor.system._set(id, new GoneActor(-1));
    for (const { birth, put } of references) put(system.actorOf(birth) ?? new GoneActor(birth));
    const found = system.snapshot as { readonly status: string; readonly error: unknown };
    if (found.status === "error" && tree.root.snapshot["status"] !== "error") {
      throw notReadable(entry.actor, messageOf(found.error));
    }
    system.#startQuietly();
    return system;
  }

  /** The root's XState snapshot. */
  get snapshot(): unknown {
    return this.#rootActor.getSnapshot();
  }

  /** The actor of a birth, if it is there. */
  actorOf(birth: number): LiveActor | undefined {
    return this.#births.actors.get(birth);
  }

  /** The logic that the machine gives a child whose work runs outside the system. */
  ownLogicOf(birth: number): AnyActorLogic | undefined {
    const actor = this.#births.actors.get(birth);
    return actor && this.#interceptor.ownLogicOf(actor);
  }

  /** A value in the form in which it is written down, with its references to actors of this system. */
  encode(value: unknown, where: string): string {
    return encode(value, { where, reference: (object) => this.#referenceOf(object) });
  }

  /** A value that was written down. Actors that are gone become references to nobody. */
  decode(text: string): unknown {
    return decode(text, {
      later: (birth, put) => put(this.actorOf(Number(birth)) ?? new GoneActor(Number(birth))),
    });
  }

  /** Lets one event happen, with all that follows from it at once. Throws what cannot be written down. */
  run(cause: Cause, stamp: RunStamp): Outcome {
    return this.#collect(stamp, () => this.#happen(cause));
  }

  get #rootActor(): LiveActor {
    assert(this.#root, "a system has a root", {});
    return this.#root;
  }

  #referenceOf(object: object): string | null {
    if (object instanceof GoneActor) return String(object.birth);
    if (!isActorRef(object)) return null;
    const birth = this.#births.find(asLive(object));
    return birth === undefined ? null : String(birth);
  }

  /** @returns whether a state took the event */
  #happen(cause: Cause): boolean {
    switch (cause.kind) {
      case "event":
        return this.#send(cause.birth, cause.event);
      case "timer": {
        const timer = this.#timers.fire(cause.id);
        return timer !== undefined && this.#send(timer.target, timer.event as object);
      }
      case "settled": {
        const child = this.#childOf(cause.workId);
        child?.system._relay(undefined, child, new SettledEvent(cause.settled));
        return child !== undefined;
      }
      case "carried-out":
        this.#work = this.#work.filter(({ id }) => id !== cause.workId);
        return true;
      case "emitted":
        this.#run?.emitted.push(cause.event);
        return true;
    }
  }

  #send(birth: number, event: object): boolean {
    const target = this.#births.actors.get(birth);
    if (target === undefined) return false;
    const before = target.getSnapshot();
    target.system._relay(undefined, target, event as EventObject);
    if (target.getSnapshot() !== before) return true;
    return isMachine(target.logic) && takes(target.logic, before, event);
  }

  #childOf(workId: string): LiveActor | undefined {
    const work = this.#work.find(({ id }) => id === workId);
    const child = work && this.#births.actors.get(work.birth);
    const snapshot = child?.getSnapshot();
    return isStub(snapshot) && snapshot.workId === workId ? child : undefined;
  }

  #collect(stamp: RunStamp, act: () => boolean): Outcome {
    const run = new Run(stamp);
    this.#run = run;
    try {
      const taken = act();
      return this.#outcomeOf(run, taken);
    } finally {
      this.#run = undefined;
    }
  }

  #outcomeOf(run: Run, taken: boolean): Outcome {
    if (run.refusal) throw run.refusal.error;
    const root = this.snapshot as RootSnapshot;
    const { status } = root;
    const isActive = status === "active";
    this.#endLost();
    if (!isActive) this.#timers = new TimerTable([]);
    const stored = storeTree(this.#rootActor, this.#births.next, (actor) => this.#births.of(actor));
    this.#keepWork(run, isActive ? stored.root : null);
    const failure =
      run.isEndless || (status === "error" && isEndlessError(root.error))
        ? { error: endless() }
        : status === "error"
          ? { error: root.error }
          : null;
    return {
      taken: taken || run.hasAsked,
      failure,
      snapshot: this.encode(stored, "snapshot"),
      state: stateText(root.value),
      tags: [...(root.tags ?? [])],
      status,
      timers: this.#timers.all.map((timer) => ({
        ...timer,
        event: this.encode(timer.event, `the delayed event ${timer.sendId}`),
      })),
      work: this.#work,
      emitted: run.emitted,
      closures: run.closures,
      logged: run.logged,
    };
  }

  /** Adds the work that a run has begun, and ends what nothing waits for any more. A root that has ended is null. */
  #keepWork({ started }: Run, root: StoredActor | null): void {
    if (this.#work.length + started.length === 0) return;
    const running = new Set(root === null ? [] : workOf(root));
    this.#work = [...this.#work, ...started].filter(
      ({ id, kind }) =>
        kind === "action" || (kind === "message" && root !== null) || running.has(id),
    );
  }

  /**
   * XState leaves actors running that no other process could find again: the children of one that has failed, which
   * end here, and a child whose id another one took.
   * @throws LockstepError `value-not-kept`
   */
  #endLost(): void {
    if (this.#births.actors.size === 1) return;
    const inTree = new Set([this.#rootActor]);
    // A parent is older than its children.
    for (const [birth, actor] of this.#births.actors) {
      const { _parent: parent } = actor;
      if (parent === undefined) continue;
      if (isRunning(actor) && !isRunning(parent)) actor._stop();
      if (inTree.has(parent) && childOf(parent, actor.id) === actor) inTree.add(actor);
      else if (isRunning(actor)) throw replaced(actor);
      else this.#births.delete(birth);
    }
  }

  #create(options: { readonly input?: unknown; readonly snapshot?: unknown }): void {
    const { machine } = this.#options.chart;
    const root = createActor(prepared(machine, this.#options.chart), {
      ...options,
      id: "root",
      inspect: onActorCreated((actor) => this.#adopt(actor)),
      logger: (...words: unknown[]) => void this.#run?.logged.push(words),
    } as never);
    this.#root = asLive(root);
    const { system } = this.#root;
    inspectOnlyCreations(system, (actor) => this.#adopt(actor));
    system.scheduler = this.#interceptor.scheduler();
    const relay = system._relay;
    system._relay = (source, target, event) => {
      const run = this.#run;
      if (run === undefined) {
        const birth = this.#births.find(target);
        if (birth !== undefined) this.#options.onOutside(birth, event);
        return;
      }
      if (run.countMessage()) relay(source, target, event);
    };
    // XState throws an error of the root into the process where nobody listens.
    root.subscribe({ error() {} });
  }

  /** Starts revived actors. Nothing that they would say at a start is sent: it was sent when they really started. */
  #startQuietly(): void {
    const { system } = this.#rootActor;
    const relay = system._relay;
    system._relay = () => {};
    this.#rootActor.start();
    system._relay = relay;
  }

  /** Numbers an actor at its creation. */
  #adopt(actor: LiveActor): void {
    this.#births.add(actor);
    this.#interceptor.adopt(actor);
  }
}

/** True where a state takes the event, though the machine is as it was. */
function takes(machine: AnyStateMachine, before: unknown, event: object): boolean {
  try {
    return machine
      .getTransitionData(before as never, event as never)
      .some(({ target, actions }) => target !== undefined || actions.length > 0);
  } catch {
    return true;
  }
}
