import type { ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { collections, type Plain, type Store, type Write } from "../store/store.ts";

/** What people ask for; deduplicated by the client's id. */
export type Request =
  | { readonly kind: "upgrade"; readonly to: string; readonly deadlines: Record<string, number> }
  | {
      readonly kind: "restore";
      /** What the manifest of the backup says. */
      readonly backup: {
        readonly backupId: string;
        readonly digest: string;
        readonly version: string;
        readonly bytes: number;
        /** That the server keeps it in: one for each collection and index. */
        readonly files: number;
      };
      readonly deadlines: Record<string, number>;
    }
  | { readonly kind: "abort"; readonly why: string }
  | { readonly kind: "retry" }
  | { readonly kind: "forget"; readonly agent: string };

export type Answer =
  | { readonly ok: true; readonly upgrade: string | null; readonly message: string }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

export interface InboxItem {
  readonly id: string;
  readonly at: number;
  /** Nobody waits for the answer after that; milliseconds by the store's clock. */
  readonly waitedForUntil: number;
  readonly request: Request;
  /** A master has begun with it, in writes before the one that answers. */
  readonly begun: boolean;
}

/** Files a request that its client waits for so long; filing it twice under one id is one request. */
export async function fileRequest(
  store: Store,
  id: string,
  request: Request,
  waitMs: number = limits.answerTimeoutMs,
): Promise<void> {
  const at = await store.now();
  await store.write([
    {
      collection: collections.inbox,
      id,
      expect: null,
      set: {
        at,
        // The client withdraws it by itself, unless it has died.
        waitedForUntil: at + waitMs + limits.requestSlackMs,
        request: request as unknown as Plain,
        answer: null,
        begun: false,
        expiresAt: new Date(at + limits.requestKeptMs),
      },
    },
  ]);
}

/** Requests without an answer, in the order of their filing. */
export async function readInbox(store: Store): Promise<readonly InboxItem[]> {
  const found = await store.list(collections.inbox, { answer: null });
  return found
    .map((document) => ({ ...document, id: document._id }) as unknown as InboxItem)
    .toSorted((left, right) => left.at - right.at || (left.id < right.id ? -1 : 1));
}

export async function readAnswer(store: Store, id: string): Promise<Answer | null> {
  const found = await store.get(collections.inbox, id);
  return (found?.["answer"] as Answer | null | undefined) ?? null;
}

/** Makes sure that it is answered, whoever waits, for what it asks for has begun. */
export function beginWrite(id: string): Write {
  return { collection: collections.inbox, id, expect: { answer: null }, set: { begun: true } };
}

/** The answer to a request that nobody waits for any more. */
export const withdrawal = {
  ...{ ok: false, code: "no-master", details: {} },
  message:
    "no master answered in time: expected a state server of the fleet to be running; the request is withdrawn",
} as const satisfies Answer;

/** What nobody waits for any more must not be done hours later, by the next master. */
export function withdrawWrite(id: string): Write {
  return { ...answerWrite(id, withdrawal), expect: { answer: null, begun: false } };
}

/** The answer, to be joined to the transaction that makes it true. */
export function answerWrite(id: string, answer: Answer): Write {
  return {
    collection: collections.inbox,
    id,
    expect: { answer: null },
    set: { answer: answer as unknown as Plain },
  };
}
