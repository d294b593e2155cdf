// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: a new XState that moves a part on which the engine relies fails here, with the name of the part. Method: each part
// of `src/engine/system/xstate/xstate-internals.ts` is used as the engine uses it, on the XState that is installed.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type AnyActorRef, createActor, emit, fromTransition, raise, spawnChild } from "xstate";
import {
  asLive,
  childOf,
  type ExecutableAction,
  inspectOnlyCreations,
  isActorRef,
  isEndlessError,
  isMachine,
  isPureLogic,
  isRunning,
  type LiveActor,
  onActorCreated,
  takenSystemIds,
  withBound,
} from "../../../src/engine/system/xstate/xstate-internals.ts";
import { chart } from "../migration/migrating.ts";

const xstate = JSON.parse(await readFile("node_modules/xstate/package.json", "utf8"));

/** The message of a check that fails. */
function moved(part: string): string {
  return `expected XState ${xstate.version} to have ${part}, as the engine uses it: mend src/engine/system/xstate/xstate-internals.ts, and what calls it`;
}

const counter = fromTransition((n: number) => n + 1, 0);

/** A machine with all that the engine takes over. */
function machineOf(did: string[] = []) {
  return chart(
    {
      initial: "one",
      entry: [
        spawnChild("counter", { id: "kid", systemId: "the kid", syncSnapshot: true }),
        { type: "own", params: { n: 1 } },
        emit({ type: "news" }),
        raise({ type: "LATER" }, { delay: 50, id: "later" }),
      ],
      states: { one: { on: { GO: "two" } }, two: { type: "final" } },
    },
    { actors: { counter }, actions: { own: () => void did.push("own") } },
  );
}

function started(prepare: (root: LiveActor) => void = () => {}, did: string[] = []): LiveActor {
  const root = asLive(createActor(machineOf(did)) as AnyActorRef);
  prepare(root);
  root.start();
  return root;
}

describe("an actor", () => {
  test("has its parent, source, system id and processing status", () => {
    const root = asLive(createActor(machineOf()) as AnyActorRef);
    expect(root._processingStatus, moved("`_processingStatus` 0 before the start")).toBe(0);
    root.start();
    expect(isRunning(root), moved("`_processingStatus` 1 while it runs")).toBe(true);
    const kid = childOf(root, "kid") as LiveActor;
    expect(kid, moved("`children` in a machine's snapshot")).toBeDefined();
    expect(kid._parent, moved("`_parent`")).toBe(root);
    expect([kid.id, kid.src, kid.systemId], moved("`id`, `src` and `systemId`")).toEqual([
      ...["kid", "counter", "the kid"],
    ]);
    expect(kid._syncSnapshot, moved("`_syncSnapshot`")).toBe(true);
    expect(kid.sessionId, moved("`sessionId`, other than the id")).not.toBe(kid.id);
    expect(isActorRef(kid), moved("`sessionId`, `send` and `getSnapshot`")).toBe(true);
    kid._stop();
    expect(kid._processingStatus, moved("`_stop`, and `_processingStatus` 2 after it")).toBe(2);
  });

  test("is shown at its creation, before its logic runs, and can be given another logic then", () => {
    const logic = { ...counter, getInitialSnapshot: () => ({ status: "active", context: 7 }) };
    const made: string[] = [];
    const adopt = onActorCreated((actor) => {
      made.push(actor.id);
      if (actor.id === "kid") actor.logic = logic as never;
    });
    const options = { id: "root", inspect: adopt as never };
    const root = createActor(machineOf(), options as never).start() as unknown as LiveActor;
    expect(made, moved("an `@xstate.actor` event at each creation")).toEqual(["root", "kid"]);
    const snapshot = childOf(root, "kid")?.getSnapshot();
    expect(snapshot, moved("`logic`, read only after that event")).toMatchObject({ context: 7 });
  });

  test("runs its actions and emits its events through its scope", () => {
    const actions: ExecutableAction[] = [];
    const emitted: unknown[] = [];
    const did: string[] = [];
    // The initial actions are bound to the scope at the creation of the actor, and look the executor up later.
    const adopt = onActorCreated((actor) => {
      const scope = actor._actorScope;
      const execute = scope.actionExecutor;
      scope.actionExecutor = (action) => {
        actions.push(action);
        execute({ ...action, exec: action.type === "own" ? () => {} : action.exec });
      };
      scope.emit = (event) => void emitted.push(event);
    });
    createActor(machineOf(did), { inspect: adopt as never } as never).start();
    const own = actions.find(({ type }) => type === "own");
    expect(own, moved("`_actorScope.actionExecutor` for each action")).toMatchObject({
      params: { n: 1 },
    });
    expect(own, moved("`info` and `exec` of an action")).toMatchObject({
      ...{ info: { event: { type: "xstate.init" } }, exec: expect.any(Function) },
    });
    expect(did, moved("`exec`, called by nobody but the executor")).toEqual([]);
    expect(emitted, moved("`_actorScope.emit` for each event")).toEqual([{ type: "news" }]);
  });
});

describe("a system", () => {
  test("relays each event by `_relay`, and schedules each delayed one by `scheduler`", () => {
    const relayed: string[] = [];
    const scheduled: unknown[] = [];
    const root = started(({ system }) => {
      const relay = system._relay;
      system._relay = (source, target, event) => {
        relayed.push(`${target.id} ${event.type}`);
        relay(source, target, event);
      };
      system.scheduler = {
        schedule: (...[, target, event, delayMs, id]) =>
          void scheduled.push([target.id, event.type, delayMs, id]),
        cancel: (_source, id) => void scheduled.push(["cancel", id]),
        cancelAll: () => void scheduled.push(["cancelAll"]),
      };
    });
    (root as unknown as AnyActorRef).send({ type: "GO" });
    expect(relayed, moved("`system._relay`, called for each event")).toContain(`${root.id} GO`);
    const [first, ...rest] = scheduled;
    expect(first, moved("`system.scheduler.schedule`")).toEqual([root.id, "LATER", 50, "later"]);
    expect(rest, moved("`system.scheduler.cancelAll` at the end")).toContainEqual(["cancelAll"]);
  });

  test("shows only creations where its inspection is replaced", () => {
    const made: string[] = [];
    started(({ system }) => inspectOnlyCreations(system, ({ id }) => void made.push(id)));
    expect(made, moved("`system._sendInspectionEvent`")).toEqual([]);
    const late = chart(
      { on: { GO: { actions: spawnChild("counter", { id: "late" }) } } },
      { actors: { counter } },
    );
    const root = createActor(late).start();
    inspectOnlyCreations(asLive(root as AnyActorRef).system, ({ id }) => void made.push(id));
    root.send({ type: "GO" });
    expect(made, moved("`system._sendInspectionEvent` at each creation")).toEqual(["late"]);
  });

  test("names its actors by their system ids, and takes an id for good", () => {
    const root = started();
    expect(Object.keys(root.system.getAll()), moved("`system.getAll`")).toEqual(["the kid"]);
    expect(takenSystemIds(root), moved("ids of running actors in `system.getAll`")).toEqual([]);
    root.system._set("taken", { id: "gone" });
    expect(takenSystemIds(root), moved("`system._set`")).toEqual(["taken"]);
    expect(() => root.system._set("taken", root), moved("a refusal of a taken id")).toThrow();
  });
});

describe("a machine", () => {
  test("is told from other logic", () => {
    expect(isMachine(machineOf()), moved("`getStateNodeById` and `config`")).toBe(true);
    expect(isMachine(counter), moved("other logic without those")).toBe(false);
    expect(isPureLogic(counter), moved("logic of `fromTransition` without `start`")).toBe(true);
  });

  test("ends a cycle of `always` at its bound, with an error that can be told", () => {
    const endless = chart({
      ...{ initial: "a", states: { a: { always: "b" }, b: { always: "a" } } },
    });
    const actor = createActor(withBound(endless.provide({}) as any));
    actor.subscribe({ error() {} });
    actor.start();
    const { error } = actor.getSnapshot() as { error?: unknown };
    expect(isEndlessError(error), moved("`options.maxIterations` and its error")).toBe(true);
  });

  test("gives the active states and the candidates of a snapshot", () => {
    const machine = machineOf();
    const snapshot: any = createActor(machine).getSnapshot();
    const ids = snapshot._nodes.map(({ id }: { id: string }) => id);
    expect(ids, moved("`_nodes` in a machine's snapshot")).toEqual(["(machine)", "(machine).one"]);
    const taken = machine.getTransitionData(snapshot, { type: "GO" } as never);
    expect(taken, moved("`getTransitionData`")).toHaveLength(1);
  });
});
