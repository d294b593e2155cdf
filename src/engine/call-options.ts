import { checkOptions, type OptionShapes } from "../options.ts";
import { anything, callable, flag, isA, list, text } from "../shape.ts";
import type { EngineOptions } from "./create-engine.ts";
import { isDurable } from "./definition/durable.ts";
import type { Retain } from "./definition/retention.ts";
import type { AnyListQuery, SendOptions } from "./engine-api.ts";
import type { CheckOptions } from "./migration/check.ts";

interface StartCall extends SendOptions {
  readonly id?: string;
  readonly input?: unknown;
}

interface WaitCall {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface WatchCall {
  readonly after?: number;
  readonly signal?: AbortSignal;
}

interface HistoryCall {
  readonly from?: number;
  readonly limit?: number;
}

const signal = isA("an AbortSignal", (value) => value instanceof AbortSignal);
/** A wait may have no end. */
const milliseconds = isA(
  "a number of milliseconds from 0",
  (value) => typeof value === "number" && value >= 0,
);
const durableMachine = isA("a machine made by `durable`", isDurable);

/** Those of `anything` have a check of their own. */
const engineShapes: OptionShapes<EngineOptions> = {
  ...{ client: anything, database: text, log: anything, work: flag, retain: anything },
  machines: list(durableMachine),
  ...{ leaseTtlMs: anything, tasksAtOnce: anything },
};
const retainShapes: OptionShapes<Retain> = { history: anything, keys: anything, done: anything };
const sendShapes: OptionShapes<SendOptions> = { key: anything, session: anything };
const startShapes: OptionShapes<StartCall> = { ...sendShapes, id: anything, input: anything };
const waitShapes: OptionShapes<WaitCall> = { timeoutMs: milliseconds, signal };
const watchShapes: OptionShapes<WatchCall> = { after: anything, signal };
const historyShapes: OptionShapes<HistoryCall> = { from: anything, limit: anything };
const listShapes: OptionShapes<AnyListQuery> = {
  ...{ machine: anything, state: anything, tag: anything, status: anything },
  ...{ waitingSince: anything, limit: anything, after: anything },
};

/** @throws LockstepError `bad-argument` */
export function checkEngineOptions(options: Partial<EngineOptions>): void {
  checkOptions("createEngine", { ...options, machines: options.machines ?? null }, engineShapes);
  if (options.retain !== undefined) checkOptions("retain", options.retain, retainShapes);
}

type Check<Options> = (options: Options) => void;

/** @throws LockstepError `bad-argument` */
export const checkSend: Check<SendOptions> = (options) => checkOptions("send", options, sendShapes);
export const checkStart: Check<StartCall> = (options) =>
  checkOptions("start", options, startShapes);
export function checkWait(condition: unknown, options: WaitCall): void {
  checkOptions("waitFor", options, waitShapes);
  checkOptions("waitFor", { condition: condition ?? null }, { condition: callable });
}
export function checkCheck(next: unknown, options: CheckOptions): void {
  checkOptions("check", { next: next ?? null }, { next: durableMachine });
  checkOptions("check", options, { signal });
}
export const checkWatch: Check<WatchCall> = (options) =>
  checkOptions("watch", options, watchShapes);
export const checkHistory: Check<HistoryCall> = (options) =>
  checkOptions("history", options, historyShapes);
export const checkList: Check<AnyListQuery> = (query) => checkOptions("list", query, listShapes);
