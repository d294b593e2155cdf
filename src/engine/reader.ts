import type { AnyStateMachine, SnapshotFrom } from "xstate";
import { LockstepError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { type LinkedController, linkController } from "../ports/waiting/linked-controller.ts";
import { createWakeUp } from "../ports/waiting/wake-up.ts";
import type { Actors } from "./actor/actors.ts";
import { unknownActor } from "./actor/applying.ts";
import { checkedFigure, checkedId, checkMachine, isCallersType } from "./actor/checked-names.ts";
import type { HintHub } from "./actor/hints/hint-hub.ts";
import { News } from "./actor/hints/news.ts";
import { reasonFor } from "./actor/step.ts";
import { checkHistory, checkWait, checkWatch } from "./call-options.ts";
import type { DurableMachine } from "./definition/durable.ts";
import type { Registry } from "./definition/registry.ts";
import type { AnyListQuery, Change, List, Why } from "./engine-api.ts";
import { type ActorRow, type Entry, isLater, type PastEntry, type Place } from "./journal/entry.ts";
import type { EngineStore } from "./journal/store.ts";
import { rowQueryOf } from "./row-query.ts";
import { decode } from "./values/decode.ts";

interface ReaderPorts {
  readonly store: EngineStore;
  readonly clock: Clock;
  readonly actors: Actors;
  readonly hints: HintHub;
  readonly registry: Pick<Registry, "lackOf">;
}

interface NodeLike {
  readonly ownEvents: readonly string[];
}

/** Reads actors. Every process can read all of them. */
export class Reader {
  readonly #ports: ReaderPorts;
  readonly #closing: AbortSignal;
  readonly #news: News;

  constructor(ports: ReaderPorts, closing: AbortSignal) {
    this.#ports = ports;
    this.#news = new News(ports.actors, ports.hints);
    this.#closing = closing;
  }

  async get<TMachine extends AnyStateMachine>(
    durable: DurableMachine<TMachine>,
    id: string,
  ): Promise<SnapshotFrom<TMachine>> {
    const tail = await this.#tail(id);
    checkMachine(tail, durable);
    return this.#snapshotOf(tail);
  }

  async waitFor<TMachine extends AnyStateMachine>(
    durable: DurableMachine<TMachine>,
    id: string,
    condition: (snapshot: SnapshotFrom<TMachine>) => boolean,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<SnapshotFrom<TMachine>> {
    checkWait(condition, options);
    const { timeoutMs, signal } = options;
    const { clock } = this.#ports;
    this.#closing.throwIfAborted();
    const { controller, unlink } = this.#linked(signal);
    if (timeoutMs !== undefined) {
      void clock.sleep(timeoutMs, controller.signal).then(() => controller.abort());
    }
    try {
      let seen: Place | undefined;
      for await (const _ of this.#moments(id, controller.signal)) {
        const tail = await this.#tail(id);
        if (seen && !isLater(tail, seen)) continue;
        seen = { startedAtMs: tail.startedAtMs, revision: tail.revision };
        checkMachine(tail, durable);
        const snapshot: SnapshotFrom<TMachine> = this.#snapshotOf(tail);
        if (condition(snapshot)) return snapshot;
        if (tail.status !== "active") throw hasEnded(id, tail);
      }
    } finally {
      controller.abort();
      unlink();
    }
    signal?.throwIfAborted();
    const { state } = await this.#tail(id);
    throw new LockstepError(
      "timeout",
      `expected the condition to hold for "${id}" within ${timeoutMs} ms, found it in ${state}: ask \`why\``,
      { actor: id, timeoutMs, state },
    );
  }

  async *watch(
    durable: DurableMachine,
    id: string,
    options: { readonly after?: number; readonly signal?: AbortSignal },
  ): AsyncGenerator<Change> {
    this.#closing.throwIfAborted();
    checkWatch(options);
    const { after, signal } = options;
    const first = after === undefined ? 0 : checkedFigure("after", after, -1) + 1;
    const { controller, unlink } = this.#linked(signal);
    try {
      yield* this.#changes(
        durable,
        id,
        { first, isFromBegin: after === undefined },
        controller.signal,
      );
    } finally {
      unlink();
    }
  }

  async *#changes(
    durable: DurableMachine,
    id: string,
    { first, isFromBegin }: { readonly first: number; readonly isFromBegin: boolean },
    ended: AbortSignal,
  ): AsyncGenerator<Change> {
    let next = first;
    for await (const _ of this.#moments(id, ended)) {
      for (let isMore = true; isMore && !ended.aborted; ) {
        const { last, entries } = await this.#entriesFrom(id, next);
        checkMachine(last, durable);
        for (const entry of entries) {
          // The first entry stays as long as the actor. A reader that has seen nothing has missed nothing behind it.
          const isBegin = isFromBegin && next <= 1;
          if (entry.revision !== next && !isBegin) throw historyExpired(id, next, entry.revision);
          yield this.#changeOf(entry);
          next = entry.revision + 1;
        }
        isMore = entries.length > 0;
        if (!isMore && last.status !== "active") return;
      }
    }
  }

  async list(query: AnyListQuery): Promise<List> {
    this.#closing.throwIfAborted();
    const asked = rowQueryOf(query);
    const rows = await this.#ports.store.rows(asked);
    const next = rows.length === asked.limit ? (rows.at(-1)?.actor ?? null) : null;
    return { actors: rows.map(listedOf), next, staleMs: limits.rowsStaleMsMax };
  }

  async history(
    id: string,
    options: { readonly from?: number; readonly limit?: number } = {},
  ): Promise<readonly Change[]> {
    this.#closing.throwIfAborted();
    checkHistory(options);
    const { from = 0, limit = limits.entriesOfPage } = options;
    const bounded = Math.min(checkedFigure("limit", limit, 1), limits.entriesOfPage);
    const first = checkedFigure("from", from, 0);
    const entries = await this.#ports.store.entries(checkedId(id), first, bounded);
    if (entries.length === 0) await this.#tail(id);
    return entries.map((entry) => this.#changeOf(entry));
  }

  async why(id: string): Promise<Why> {
    return this.whyOf(await this.#tail(id));
  }

  /** The events, timers and work that can move an actor whose latest entry this is. */
  async whyOf(tail: Entry): Promise<Why> {
    const { state, status, sinceMs, timers, work } = tail;
    const attempts = await this.#ports.store.attempts(work.map((record) => record.id));
    const known = new Map(attempts.map((attempt) => [attempt.work, attempt]));
    const { events, ...unread } = status === "active" ? this.#eventsOf(tail) : { events: [] };
    return {
      ...{ state, status, events, ...unread, since: new Date(sinceMs) },
      timers: timers.map(({ eventType, dueAtMs }) => ({ event: eventType, at: new Date(dueAtMs) })),
      work: work.map((record) => {
        const { attempt = 1, lastError = null, nextAtMs = null } = known.get(record.id) ?? {};
        const nextAttempt = nextAtMs === null ? null : new Date(nextAtMs);
        const { kind, name } = record;
        return { id: record.id, kind, name, attempt, lastError, nextAttempt };
      }),
      lack: this.#ports.registry.lackOf(tail),
      isStuck: unread.reason === undefined && events.length + timers.length + work.length === 0,
    };
  }

  /** The types of events that the active states of an actor take, or why this process cannot read it. */
  #eventsOf(tail: Entry): Pick<Why, "events" | "reason"> {
    try {
      const { _nodes: nodes } = this.#ports.actors.read(tail).snapshot as {
        readonly _nodes: readonly NodeLike[];
      };
      const own = nodes.flatMap(({ ownEvents }) => ownEvents);
      const events = [...new Set(own)].filter(isCallersType).toSorted();
      return { events };
    } catch (error) {
      return { events: [], reason: reasonFor(error) };
    }
  }

  #snapshotOf<TSnapshot>(tail: Entry): TSnapshot {
    const { snapshot } = this.#ports.actors.read(tail);
    const { status } = snapshot as { readonly status: string };
    if (status === tail.status) return snapshot as TSnapshot;
    // The actor ended with an error that left no snapshot of its own.
    const error = new LockstepError("event-rejected", tail.reason?.message ?? "");
    return { ...(snapshot as object), status: tail.status, error } as TSnapshot;
  }

  #changeOf(entry: PastEntry): Change {
    const { revision, kind, event, outcome, state, status, atMs, emitted, reason } = entry;
    const { machine, version } = entry;
    const read = decode(event, { later: (birth, put) => put({ actor: Number(birth) }) });
    return {
      ...{ revision, kind, outcome, state, status, machine, version, at: new Date(atMs) },
      event: read as Change["event"],
      emitted: emitted === undefined ? [] : (decode(emitted) as Change["emitted"]),
      ...(reason === undefined ? {} : { reason }),
    } as Change;
  }

  /** A page of entries, and the last one of it or before it. Snapshots are not read. */
  async #entriesFrom(id: string, revision: number) {
    const from = Math.max(0, revision - 1);
    const page = await this.#ports.store.entries(checkedId(id), from, limits.entriesOfPage);
    const last = page.at(-1) ?? (await this.#tail(id));
    return { last, entries: page.filter((entry) => entry.revision >= revision) };
  }

  /** Now, and each time that there may be a newer entry of an actor, until the signal. */
  async *#moments(id: string, signal: AbortSignal): AsyncGenerator<void> {
    const wake = createWakeUp(this.#ports.clock);
    const stop = this.#news.listen(id, () => wake.hint());
    try {
      while (!signal.aborted) {
        yield;
        await wake.wait(limits.watchFloorMs, signal);
      }
      // Its reader must not take the end of the engine for the end of the actor.
      this.#closing.throwIfAborted();
    } finally {
      stop();
    }
  }

  /** `AbortSignal.any` would leave something behind with each call. */
  #linked(signal: AbortSignal | undefined): LinkedController {
    return linkController(signal === undefined ? [this.#closing] : [signal, this.#closing]);
  }

  async #tail(id: string): Promise<Entry> {
    this.#closing.throwIfAborted();
    const tail = await this.#ports.store.tail(checkedId(id));
    if (tail === undefined) throw unknownActor(id);
    return tail;
  }
}

function listedOf(row: ActorRow) {
  const { actor, machine, version, state, tags, status, sinceMs, dueAtMs } = row;
  return {
    ...{ id: actor, machine, version, state, tags, status, since: new Date(sinceMs) },
    due: dueAtMs === null ? null : new Date(dueAtMs),
  };
}

function historyExpired(id: string, next: number, kept: number): LockstepError {
  return new LockstepError(
    "history-expired",
    `expected revision ${next} of "${id}", found that \`retain.history\` has deleted what was before revision ${kept}: read its state with \`get\`, and go on with \`after: ${kept - 1}\``,
    { actor: id, expected: next, kept },
  );
}

function hasEnded(id: string, { state, status }: Entry): LockstepError {
  return new LockstepError(
    "wrong-state",
    `expected the condition to hold for "${id}" one day, found that it has ended: ${status} in ${state}`,
    { actor: id, state, status },
  );
}
