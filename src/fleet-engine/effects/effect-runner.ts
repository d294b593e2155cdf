import type { EventObject } from "xstate";
import {
  isAway,
  isDeposed,
  isLockstepError,
  isPassing,
  LockstepError,
  messageOf,
  reasonOf,
} from "../../errors.ts";
import type { Effect, Entry } from "../../journal/store.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Tracing } from "../../ports/tracing/tracing.ts";
import { linkController } from "../../ports/waiting/linked-controller.ts";
import { effectFailed } from "./effect-failed.ts";

/** The context of a running effect. */
export interface EffectContext {
  /** `<actor>/<revision>/<index>`. It is the same on each attempt, in whichever process. */
  readonly id: string;
  readonly actor: string;
  /** The number of the attempt in this process, from 1. */
  readonly attempt: number;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The actor's latest entry, which may be later than the one that asked for the effect. */
  latest(): Entry;
}

export type EffectEvent = EventObject;

/** Does the work and returns the event that reports it. It must be idempotent. */
export type EffectHandler = (
  params: Readonly<Record<string, unknown>>,
  context: EffectContext,
) => Promise<EffectEvent>;

export interface Running {
  readonly effect: Effect;
  /** Aborts the effect. Resolves once it has ended, or after the grace; then `onStuck` is called. */
  stop(): Promise<void>;
}

/** The spans of one engine. */
export interface EngineSpans {
  readonly tracing: Tracing;
  /** The place of an actor's spans, the same in every process; undefined for none of their own. */
  traceOf(actor: string): string | undefined;
}

/** Runs one attempt of an effect in a span. A result that reports a failure marks it as failed. */
export function tracedEffect(
  spans: EngineSpans | null | undefined,
  { name }: Effect,
  { actor, attempt }: { readonly actor: string; readonly attempt: number },
  act: () => Promise<EffectEvent>,
): Promise<EffectEvent> {
  if (!spans) return act();
  const facts = { "lockstep.actor": actor, "lockstep.effect": name, "lockstep.attempt": attempt };
  const within = spans.traceOf(actor);
  return spans.tracing.inSpan(`lockstep.effect ${name}`, { facts, within }, async (span) => {
    const event: EffectEvent & { readonly reason?: unknown } = await act();
    const { message } = (event.reason ?? {}) as { readonly message?: unknown };
    if (typeof message === "string") span.fail(message);
    return event;
  });
}

/** Runs one effect to its result. After a bounded number of attempts the result is a typed failure. */
export function runEffect(options: {
  effect: Effect;
  actor: string;
  epoch: number;
  handler: EffectHandler;
  /** False for an actor at its end. It takes no failure, so the effect is tried until it is done. */
  mayFail: boolean;
  after: Promise<unknown>;
  /** Any of these ends it. */
  signals: readonly AbortSignal[];
  clock: Clock;
  log: Log;
  spans?: EngineSpans | null | undefined;
  latest(): Entry;
  onResult(event: EffectEvent): Promise<void>;
  onStuck(): void;
}): Running & { readonly ended: Promise<void> } {
  const { effect, actor, epoch, clock } = options;
  const { controller, unlink } = linkController(options.signals);
  const { signal } = controller;
  const log = options.log.child({ effect: effect.name, effectId: effect.id });

  /** Reports a failure. Where that fails too, the effect is tried again. */
  const isReported = async (event: EffectEvent): Promise<boolean> => {
    try {
      await options.onResult(event);
      return true;
    } catch (error) {
      if (signal.aborted || isPassing(error)) throw error;
      log.error({ error: messageOf(error) }, "the failure of an effect could not be appended");
      return false;
    }
  };
  const work = async (): Promise<void> => {
    await options.after;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const { latest } = options;
        const context = { id: effect.id, actor, attempt, epoch, signal, log, latest };
        const event = await tracedEffect(options.spans, effect, context, () =>
          options.handler(effect.params, context),
        );
        if (!signal.aborted) await options.onResult(event);
        return;
      } catch (error) {
        if (signal.aborted || isDeposed(error)) {
          log.info({ error: messageOf(error) }, "the effect stays pending");
          return;
        }
        log.warn({ attempt, error: messageOf(error) }, "an effect failed");
        // An unreachable database is not the effect's fault, so the effect is tried until its deadline.
        const counted = options.mayFail && !isAway(error);
        const isOver = counted && attempt >= limits.effectAttemptsMax;
        if (isOver && (await isReported(failure(effect, error)))) return;
        const delay = limits.effectRetryDelayMs * 2 ** Math.min(attempt - 1, 10);
        await clock.sleep(Math.min(delay, limits.effectRetryDelayMsMax), signal);
      }
    }
  };
  const ended = work()
    .catch((error: unknown) => {
      log.info({ error: messageOf(error) }, "the effect's result could not be appended here");
    })
    .finally(unlink);
  return {
    effect,
    ended,
    async stop() {
      controller.abort(new LockstepError("aborted", "the effect was cancelled"));
      let done = false;
      const finish = ended.then(() => {
        done = true;
      });
      const woken = new AbortController();
      void finish.then(() => woken.abort("ended"));
      await clock.sleep(limits.effectStopGraceMs, woken.signal);
      if (!done) options.onStuck();
    },
  };
}

function failure(effect: Effect, error: unknown): EffectEvent {
  const known = isLockstepError(error) ? error : new LockstepError("step-failed", messageOf(error));
  return effectFailed(effect.name, reasonOf(known));
}
