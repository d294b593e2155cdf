import { lte } from "semver";
import { limits } from "../../limits.ts";
import type { DurableMachine } from "../definition/durable.ts";
import { createRegistry, type Registry } from "../definition/registry.ts";
import type { Entry } from "../journal/entry.ts";
import type { EngineStore } from "../journal/store.ts";
import { passAlong } from "./pass-along.ts";
import type { Trouble } from "./troubles.ts";
import type { WayStep } from "./ways.ts";

/** One trouble that an actor would have with the next version. */
export interface CheckTrouble extends Trouble {
  readonly id: string;
  readonly version: string;
  readonly state: string;
}

/** The result of a check. */
export interface CheckResult {
  /** The number of actors that had not ended. The check has tried the way of each. */
  readonly actors: number;
  readonly troubles: readonly CheckTrouble[];
  /** Troubles above the limit, which are counted and not listed. */
  readonly omitted: number;
  /** True where each actor goes on in the next version with all that it has. */
  readonly isSafe: boolean;
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
}

type CheckStore = Pick<EngineStore, "partitions" | "sweep" | "rows" | "tails">;

/**
 * Reads each actor of a machine that has not ended, and tries its way to the next version. It writes nothing.
 * @param known the versions that are registered: their charts tell more of the actors that are on them
 * @throws LockstepError `machine-differs`, `database-unreachable`
 */
export async function checkNext(
  store: CheckStore,
  next: DurableMachine,
  known: readonly DurableMachine[],
  { signal }: CheckOptions = {},
): Promise<CheckResult> {
  const earlier = known.filter(
    ({ name, version }) => name === next.name && lte(version, next.version),
  );
  const registry = createRegistry([...earlier, next]);
  const troubles: CheckTrouble[] = [];
  let [actors, omitted] = [0, 0];
  for await (const ids of actorPages(store, next.name, signal)) {
    for await (const tail of tailsOf(store, ids)) {
      if (tail.machine !== next.name || tail.status !== "active") continue;
      actors += 1;
      for (const trouble of troublesOf(tail, next, registry)) {
        if (troubles.length === limits.checkTroublesMax) omitted += 1;
        else troubles.push(trouble);
      }
    }
  }
  // By actor: the pages come in the order of partitions.
  troubles.sort((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0));
  return { actors, troubles, omitted, isSafe: troubles.length === 0 };
}

/**
 * The ids of all actors of a machine that may be alive, each once. The rows have those that were appended before the
 * marks of their partitions, and a sweep from there finds the others.
 */
async function* actorPages(
  store: CheckStore,
  machine: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly string[]> {
  const seen = new Set<string>();
  const partitions = (await store.partitions()).filter((record) => record.machine === machine);
  for (const { partition, mark } of partitions) {
    for (let from = mark, isLast = false; !isLast; ) {
      signal?.throwIfAborted();
      const page = await store.sweep(partition, from);
      const fresh = page.heads.map(({ actor }) => actor).filter((actor) => !seen.has(actor));
      for (const actor of fresh) seen.add(actor);
      for (let at = 0; at < fresh.length; at += limits.checkActorsOfPage) {
        yield fresh.slice(at, at + limits.checkActorsOfPage);
      }
      [from, isLast] = [page.next, page.next === null];
    }
  }
  const asked = { machine, status: "active", limit: limits.checkActorsOfPage } as const;
  for (let after: string | undefined; ; ) {
    signal?.throwIfAborted();
    const rows = await store.rows({ ...asked, ...(after === undefined ? {} : { after }) });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ actor }) => actor).filter((actor) => !seen.has(actor));
    after = last.actor;
  }
}

/** The tails of actors, of which no more than a page is held at once. */
async function* tailsOf(store: CheckStore, ids: readonly string[]): AsyncGenerator<Entry> {
  for (let left = ids; left.length > 0; ) {
    const page = await store.tails(left);
    yield* page.tails;
    left = page.left;
  }
}

function troublesOf(
  tail: Entry,
  next: DurableMachine,
  registry: Registry,
): readonly CheckTrouble[] {
  const { actor: id, version, state } = tail;
  const found = troublesOnWay(tail, next, registry);
  return found.map((trouble) => ({ id, version, state, ...trouble }));
}

function troublesOnWay(tail: Entry, next: DurableMachine, registry: Registry): readonly Trouble[] {
  const { version } = tail;
  // An actor of this very version has to find its chart as it was.
  const stays: WayStep = { from: version, to: next, migration: {}, before: undefined };
  const isNext = version === next.version;
  const steps = isNext ? [stays] : registry.waysOf(next.name).from(version);
  if (steps.at(-1)?.to.version !== next.version) {
    const message = `no way leads to ${next.version}: add a \`migrate\` from ${version}, or keep ${version} in \`machines\``;
    return [{ trouble: "no-way", what: version, message }];
  }
  const { passed, troubles, unarmed } = passAlong(tail, steps);
  if (passed === null) return troubles;
  return isNext ? [] : unarmed;
}
