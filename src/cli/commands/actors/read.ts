import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { type ListedActors, listActors } from "../../../operator/actors/list.ts";
import { withEngine } from "../../../operator/actors/open-engine.ts";
import { machinesOfModule } from "../../../operator/actors/send-event.ts";
import { type ShownActor, showActor, whyActor } from "../../../operator/actors/show-actor.ts";
import { importModule } from "../../../ports/import-module.ts";
import { exitCodes } from "../../exit-codes.ts";
import { type EngineOptions, placeOf, print } from "../../input/engine-options.ts";
import { parseTimeMs } from "../../input/time-span.ts";
import type { BareLine } from "../../output/json-line.ts";
import { renderActor, renderList, renderWhy } from "../../render/actors.ts";
import type { Terminal } from "../../run.ts";

export interface ListOptions extends EngineOptions {
  readonly machine?: string;
  readonly state?: string;
  readonly tag?: string;
  /** The parser takes no other. */
  readonly status?: ListedActors["actors"][number]["status"];
  readonly waitingSince?: string;
  readonly limit?: string;
  readonly after?: string;
}

export interface WhyOptions extends EngineOptions {
  readonly module?: string;
}

/** `--limit`, from 1 on. @throws LockstepError `bad-argument` */
function parseLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limits.listedActorsMax) return limit;
  throw new LockstepError(
    "bad-argument",
    `expected --limit to be a whole number from 1 to ${limits.listedActorsMax}, got "${text}": go on with --after`,
  );
}

/**
 * `--waiting-since`: a moment with its time zone, or a span of time before now. Pure.
 * @throws LockstepError `bad-argument`
 */
export function parseSince(text: string): { waitingSince: Date } | { waitingFor: number } {
  if (/^\d+(\.\d+)?[smh]$/.test(text)) return { waitingFor: parseTimeMs("--waiting-since", text) };
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const waitingSince = new Date(isMoment ? text : Number.NaN);
  if (!Number.isNaN(waitingSince.getTime())) return { waitingSince };
  throw new LockstepError(
    "bad-argument",
    `expected --waiting-since to be a span of time, as 90s, 10m or 2h, or a moment with its time zone, as 2026-01-31T06:00:00Z, got "${text}"`,
  );
}

/** `lockstep actors list`: a page of the actors. */
export async function list(options: ListOptions, terminal: Terminal): Promise<number> {
  const { machine, state, tag, status, after, waitingSince, limit = "" } = options;
  const query = {
    ...{ limit: parseLimit(limit) },
    ...(machine === undefined ? {} : { machine }),
    ...(state === undefined ? {} : { state }),
    ...(tag === undefined ? {} : { tag }),
    ...(status === undefined ? {} : { status }),
    ...(after === undefined ? {} : { after }),
    ...(waitingSince === undefined ? {} : parseSince(waitingSince)),
  };
  return withEngine(placeOf(options, terminal), async (engine) => {
    const found = await listActors(engine, query);
    const output = { lines: renderList(found), objects: listObjects(found) };
    print(terminal, options.json, output, engine.notices);
    return exitCodes.done;
  });
}

function listObjects({ actors, nowMs, ...rest }: ListedActors): readonly BareLine[] {
  const rows = actors.map((actor) => ({ type: "listed-actor", ...actor }) as const);
  return [...rows, { type: "actors", count: actors.length, ...rest, now: new Date(nowMs) }];
}

/** `lockstep actors show ID`: one actor, without its machine. */
export function show(id: string, options: EngineOptions, terminal: Terminal): Promise<number> {
  return withEngine(placeOf(options, terminal), async (engine) => {
    const actor = await showActor(engine, id);
    const output = { lines: renderActor(actor), objects: [actorObject(actor)] };
    print(terminal, options.json, output, engine.notices);
    return exitCodes.done;
  });
}

function actorObject({ values, nowMs, ...rest }: ShownActor): BareLine {
  const { context, output } = values;
  return {
    ...{ type: "actor", ...rest, now: new Date(nowMs) },
    ...{ context: context?.json ?? null, output: output?.json ?? null },
  };
}

/** `lockstep actors why ID`: the events, timers and work that can move an actor. */
export async function why(id: string, options: WhyOptions, terminal: Terminal): Promise<number> {
  const { module } = options;
  const machines =
    module === undefined ? null : machinesOfModule(await importModule(module, "--module"));
  return withEngine(placeOf(options, terminal), async (engine) => {
    const found = await whyActor(engine, id, machines);
    const { nowMs, ...rest } = found;
    const object: BareLine = { type: "why", ...rest, now: new Date(nowMs) };
    print(terminal, options.json, { lines: renderWhy(found), objects: [object] }, engine.notices);
    return exitCodes.done;
  });
}
