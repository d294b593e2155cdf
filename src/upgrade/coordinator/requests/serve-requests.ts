import {
  answerWrite,
  type InboxItem,
  readInbox,
  refuseWrite,
  tooManyRequests,
  withdrawWrite,
} from "../../../control/inbox.ts";
import { isLockstepError, LockstepError, messageOf, reasonOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { asUnreachable } from "../../../mongo/transient.ts";
import { decidePause, decideResume } from "../../protocol/pausing.ts";
import { activeCoordinator, noUpgrade } from "../active-upgrade.ts";
import { acceptUpgrade } from "./accept-upgrade.ts";
import { forgetAgent } from "./forget-agent.ts";
import type { MasterWorld } from "./master-world.ts";

import { retry } from "./retry.ts";
import { sendToCoordinator } from "./send-to-coordinator.ts";

function surprise(error: unknown): LockstepError {
  const message = `this request could not be judged: ${messageOf(error)}: mend that, then ask again`;
  return new LockstepError("unexpected", message);
}

async function serve(world: MasterWorld, item: InboxItem): Promise<void> {
  const { request } = item;
  const coordinator = await activeCoordinator(world.store);
  switch (request.kind) {
    case "upgrade":
    case "restore":
      return acceptUpgrade(world, item, request);
    case "abort": {
      if (!coordinator) throw noUpgrade("abort");
      if (coordinator.state === "blocked") {
        throw new LockstepError(
          "wrong-state",
          "the upgrade is blocked on its way back already: mend the cause, then `lockstep retry`",
        );
      }
      const message = "the fleet turns back";
      const isBack = coordinator.state === "rolling-back";
      const event = { type: "abortRequested", why: request.why } as const;
      return sendToCoordinator(world, item, coordinator, isBack ? null : event, message);
    }
    case "pause":
    case "resume": {
      if (!coordinator) throw noUpgrade(request.kind);
      const { event, message } =
        request.kind === "pause"
          ? decidePause(coordinator, request.why)
          : decideResume(coordinator);
      return sendToCoordinator(world, item, coordinator, event, message);
    }
    case "retry":
      return retry(world, item, request, coordinator);
    case "forget":
      return forgetAgent(world, item, request.agent);
  }
}

/** Errors after which no request can be judged at this moment. After `conflict` only this one is judged again. */
const passing: readonly string[] = ["fenced", "lease-lost", "database-unreachable"];

/** Answers a request that cannot be served. False where it cannot be answered either: it is passed over then. */
async function refuse({ store, log }: MasterWorld, item: InboxItem, nowMs: number) {
  try {
    return (await store.write([refuseWrite(item, nowMs)])) === null;
  } catch (thrown) {
    const error = asUnreachable(thrown);
    if (isLockstepError(error)) throw error;
    log.debug({ trouble: item.trouble, error: messageOf(error) }, "a request is passed over");
    return false;
  }
}

/** The outcome of one pass over the requests. */
export interface Served {
  /** More requests may be waiting. */
  readonly isMore: boolean;
  /** So many requests can neither be served nor answered: the next pass looks behind them. */
  readonly passedOver: number;
}

/** Answers the requests that are not to be served, and returns the others in their order. */
async function dismiss(
  world: MasterWorld,
  items: readonly InboxItem[],
): Promise<{ waiting: readonly InboxItem[]; passedOver: number }> {
  const nowMs = await world.store.now();
  const broken = items.filter(({ trouble }) => trouble !== null);
  const answered = await Promise.all(broken.map((item) => refuse(world, item, nowMs)));
  const sound = items.filter(({ trouble }) => trouble === null);
  // The client of such a request may have died: nobody would know that it is done.
  const isLeft = ({ waitedForUntil, begun }: InboxItem) => nowMs > waitedForUntil && !begun;
  const wanted = sound.filter((item) => !isLeft(item));
  const tooMany = { ok: false, ...reasonOf(tooManyRequests()) } as const;
  const excess = wanted.slice(limits.requestsWaitingMax).filter(({ begun }) => !begun);
  await Promise.all([
    ...sound.filter(isLeft).map(({ id }) => world.store.write([withdrawWrite(id)])),
    ...excess.map(({ id }) => world.store.write([answerWrite(id, tooMany)])),
  ]);
  return {
    waiting: wanted.filter((item) => !excess.includes(item)),
    passedOver: answered.filter((isAnswered) => !isAnswered).length,
  };
}

/**
 * Serves the first requests that are waiting. A failure is an answer, so that it keeps no later request waiting.
 * @param passedOver as the previous pass answered
 * @throws LockstepError with a code that passes: a later pass serves the request
 */
export async function serveInbox(world: MasterWorld, passedOver = 0): Promise<Served> {
  const limit = Math.min(2 * limits.requestsWaitingMax + passedOver, limits.listMax);
  const items = await readInbox(world.store, limit);
  if (items.length === 0) return { isMore: false, passedOver: 0 };
  const { waiting, passedOver: passedOverNow } = await dismiss(world, items);
  const inConflict: LockstepError[] = [];
  for (const item of waiting.slice(0, limits.requestsPerPassMax)) {
    try {
      await serve(world, item);
    } catch (thrown) {
      const error = asUnreachable(thrown);
      const known = isLockstepError(error) ? error : surprise(error);
      if (known.code === "conflict") inConflict.push(known);
      else if (passing.includes(known.code)) throw error;
      else await world.store.write([answerWrite(item.id, { ok: false, ...reasonOf(known) })]);
    }
  }
  const [first] = inConflict;
  if (first) throw first;
  const isFull = items.length >= limit && limit < limits.listMax;
  return {
    isMore: isFull || waiting.length > limits.requestsPerPassMax,
    passedOver: passedOverNow,
  };
}
