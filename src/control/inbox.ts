import { nameOf } from "../entity-names.ts";
import { cutTo, type ErrorCode, LockstepError } from "../errors.ts";
import { collections, type Plain, type Store, type Write } from "../journal/store.ts";
import { limits } from "../limits.ts";
import {
  count,
  fields,
  figure,
  flag,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "../shape.ts";

/** An operator's request. The client chooses its id, which makes it count once. */
export type FleetRequest =
  | {
      readonly kind: "upgrade";
      readonly to: string;
      /** Milliseconds, by the names of `Deadlines`. */
      readonly deadlines: Record<string, number>;
      /** The generation of the fleet for which it was planned. It is absent where there is no plan. */
      readonly generation?: number;
    }
  | {
      readonly kind: "restore";
      /** The facts of the backup, by its manifest. */
      readonly backup: {
        readonly backupId: string;
        readonly digest: string;
        readonly version: string;
        readonly bytes: number;
        /** The number of files in which the server keeps the data: one for each collection and index. */
        readonly files: number;
      };
      /** Milliseconds, by the names of `Deadlines`. */
      readonly deadlines: Record<string, number>;
    }
  | { readonly kind: "abort"; readonly why: string }
  | { readonly kind: "pause"; readonly why: string }
  | { readonly kind: "resume" }
  | {
      readonly kind: "retry";
      /** True where a roll-back may take back writes of others, once their documents are saved. */
      readonly discardForeignWrites?: boolean;
    }
  | { readonly kind: "forget"; readonly agent: string };

export type Answer =
  | { readonly ok: true; readonly upgradeId: string | null; readonly message: string }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

export interface InboxItem {
  readonly id: string;
  readonly at: number;
  /** Until when the client waits for the answer, in milliseconds by the store's clock. */
  readonly waitedForUntil: number;
  readonly request: FleetRequest;
  /** Why it cannot be served, or null. */
  readonly trouble: string | null;
  /** True once a master has begun with it, by an earlier write than the answer. */
  readonly begun: boolean;
}

const ofKind: Readonly<Record<FleetRequest["kind"], Shape>> = {
  upgrade: fields<FleetRequest & { kind: "upgrade" }>({
    ...{ kind: text, to: text },
    ...{ deadlines: record(figure), generation: optional(count) },
  }),
  restore: fields<FleetRequest & { kind: "restore" }>({
    kind: text,
    backup: fields<(FleetRequest & { kind: "restore" })["backup"]>({
      ...{ backupId: nameOf("backup"), digest: text, version: text },
      ...{ bytes: count, files: count },
    }),
    deadlines: record(figure),
  }),
  abort: fields<FleetRequest & { kind: "abort" }>({ kind: text, why: text }),
  pause: fields<FleetRequest & { kind: "pause" }>({ kind: text, why: text }),
  resume: fields<FleetRequest & { kind: "resume" }>({ kind: text }),
  retry: fields<FleetRequest & { kind: "retry" }>({
    kind: text,
    discardForeignWrites: optional(flag),
  }),
  forget: fields<FleetRequest & { kind: "forget" }>({ kind: text, agent: text }),
};
const kinds = Object.keys(ofKind) as FleetRequest["kind"][];
const anyKind = fields<Pick<FleetRequest, "kind">>({ kind: oneOf(...kinds) });

/** The shape of a request that can be served: of a known kind, with its fields, and not too large. */
const requestShape: Shape = (value, path) => {
  const wrong = anyKind(value, path) ?? ofKind[(value as FleetRequest).kind](value, path);
  if (wrong !== null) return wrong;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  return bytes <= limits.requestBytesMax
    ? null
    : `${path}: expected at most ${limits.requestBytesMax} bytes, found ${bytes}`;
};

const itemShape = fields<Omit<InboxItem, "trouble" | "id"> & { _id: string }>({
  _id: text,
  at: figure,
  waitedForUntil: figure,
  request: requestShape,
  begun: optional(flag),
});

function itemOf(document: { readonly _id: string } & Readonly<Record<string, unknown>>): InboxItem {
  const { _id: id, oversizedBytes } = document;
  const trouble =
    oversizedBytes === undefined
      ? itemShape(document, "")
      : `expected at most ${limits.requestBytesMax} bytes, found ${oversizedBytes}`;
  return { ...document, id, trouble } as unknown as InboxItem;
}

/** @throws LockstepError `bad-argument` for a request that no master could serve */
function requireRequest(request: FleetRequest): void {
  const wrong = requestShape(request, "request");
  if (wrong === null) return;
  throw new LockstepError("bad-argument", `${wrong}: nothing was filed: use a shorter text`);
}

/** The error of a request beyond the limit of those that may wait. */
export function tooManyRequests(): LockstepError {
  const most = limits.requestsWaitingMax;
  return new LockstepError(
    "too-many-requests",
    `expected fewer than ${most} requests waiting for a master, found that many, and nothing was filed: stop the client that files so many, then ask again`,
    { most },
  );
}

const waiting = { answer: null };
/** Waiting aborts. They are the operator's way out, so other requests neither take their room nor delay them. */
const waitingAborts = { ...waiting, "request.kind": "abort" };

/** A Date, which the server's TTL index asks for: the `expiresAt` of leases and claims is a number of milliseconds. */
const keptUntil = (nowMs: number) => new Date(nowMs + limits.requestKeptMs);

/** @throws LockstepError `too-many-requests` */
async function requireRoom(store: Store, { kind }: FleetRequest): Promise<void> {
  const most = { orderBy: "at", limit: limits.requestsWaitingMax };
  const where = kind === "abort" ? waitingAborts : waiting;
  const found = await store.list(collections.inbox, where, most);
  if (found.length >= limits.requestsWaitingMax) throw tooManyRequests();
}

/**
 * Files a request for which its client waits for this time. A second filing under the same id changes nothing.
 * @throws LockstepError `bad-argument`, `too-many-requests`
 */
export async function fileRequest(
  store: Store,
  id: string,
  request: FleetRequest,
  waitMs: number = limits.answerTimeoutMs,
): Promise<void> {
  requireRequest(request);
  if ((await store.get(collections.inbox, id)) !== undefined) return;
  await requireRoom(store, request);
  const at = await store.now();
  await store.write([
    {
      collection: collections.inbox,
      id,
      expect: null,
      set: {
        at,
        // A live client withdraws the request itself, before this time.
        waitedForUntil: at + waitMs + limits.requestSlackMs,
        request: request as unknown as Plain,
        answer: null,
        begun: false,
        expiresAt: keptUntil(at),
      },
    },
  ]);
}

/**
 * The first unanswered requests in the order of their filing. Where there are more than one pass serves, all aborts
 * come first, also from behind the limit.
 */
export async function readInbox(
  store: Store,
  limit: number = limits.requestsPerPassMax,
): Promise<readonly InboxItem[]> {
  const page = { orderBy: "at", limit };
  const first = await store.list(collections.inbox, waiting, page);
  if (first.length <= limits.requestsPerPassMax) return first.map(itemOf);
  const aborts = await store.list(collections.inbox, waitingAborts, page);
  const ids = new Set(aborts.map(({ _id }) => JSON.stringify(_id)));
  const others = first.filter(({ _id }) => !ids.has(JSON.stringify(_id)));
  return [...aborts, ...others].map(itemOf);
}

/** Refuses a request that cannot be served, and removes it: the document might be too large with the answer in it. */
export function refuseWrite({ id, trouble }: InboxItem, nowMs: number): Write {
  const message = cutTo(
    `this request cannot be served: ${trouble}: file it by \`lockstep\`, or by a client of this version`,
    limits.reasonMessageLengthMax,
  );
  const answer: Answer = { ok: false, code: "bad-argument", message, details: {} };
  const write = answerWrite(id, answer);
  return { ...write, set: { ...write.set, expiresAt: keptUntil(nowMs) }, remove: ["request"] };
}

export async function readAnswer(store: Store, id: string): Promise<Answer | null> {
  const found = await store.get(collections.inbox, id);
  return (found?.["answer"] as Answer | null | undefined) ?? null;
}

/** Marks a request as begun. It is answered then, whether or not somebody still waits. */
export function beginWrite(id: string): Write {
  return { collection: collections.inbox, id, expect: { answer: null }, set: { begun: true } };
}

/** The answer to a request whose client no longer waits. */
export const withdrawal = {
  ...{ ok: false, code: "no-master", details: {} },
  message:
    "expected an answer of a master, found none in time, and the request is withdrawn: start a state server of the fleet, then ask again",
} as const satisfies Answer;

/** Withdraws a request: without its client no master may serve it hours later. */
export function withdrawWrite(id: string): Write {
  return { ...answerWrite(id, withdrawal), expect: { answer: null, begun: false } };
}

/** Writes the answer. It joins the transaction that makes the answer true. */
export function answerWrite(id: string, answer: Answer): Write {
  return {
    collection: collections.inbox,
    id,
    expect: { answer: null },
    set: {
      answer: {
        ...answer,
        message: cutTo(answer.message, limits.reasonMessageLengthMax),
      } as unknown as Plain,
    },
  };
}
