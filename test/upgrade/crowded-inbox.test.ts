// Aim: however many requests wait, an operator's way out is filed and served, and what is filed already is no new request.
// Method: the master's inbox over the memory store.
import { expect, test } from "vitest";
import { fileRequest } from "../../src/control/inbox.ts";
import { acceptWrite, initializeVersions } from "../../src/control/versions.ts";
import { collections, type Write } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import type { MasterWorld } from "../../src/upgrade/coordinator/requests/master-world.ts";
import { serveInbox } from "../../src/upgrade/coordinator/requests/serve-requests.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { coordinator, from, join, to, upgradeId } from "./protocol/facts.ts";

test("an abort has room where others have none, and is served before them", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  await initializeVersions(store, from);
  await join(store, "a1");
  await store.write([acceptWrite(from, to, upgradeId)]);
  for (const entry of coordinator([])) await store.append([entry]);
  for (let number = 0; number < limits.requestsWaitingMax; number += 1) {
    await fileRequest(store, `r${number}`, { kind: "retry" });
  }
  // By hand, without looking for room: more than a pass reads.
  const filed = (await store.get(collections.inbox, "r0")) as NonNullable<Write["set"]>;
  for (let number = 0; number < 3 * limits.requestsWaitingMax; number += 1) {
    await store.write([
      { collection: collections.inbox, id: `h${number}`, expect: null, set: filed },
    ]);
  }
  await fileRequest(store, "way-out", { kind: "abort", why: "enough" });
  let aborts = 0;
  const world = {
    ...{ store, failureDetector: { observe() {}, canJudgeSilence: () => true } },
    engine: {
      async send(_actor: string, { type }: { type: string }) {
        if (type === "abortRequested") aborts += 1;
        return { kind: "applied" };
      },
    },
  } as unknown as MasterWorld;
  await serveInbox(world);
  expect(aborts).toBe(1);
});

test("a request that is filed already is no new one, however many wait", async () => {
  const store = createMemoryStore({ now: () => 1_000 });
  for (let number = 0; number < limits.requestsWaitingMax; number += 1) {
    await fileRequest(store, `r${number}`, { kind: "retry" });
  }
  await fileRequest(store, "r7", { kind: "retry" });
  const late = fileRequest(store, "late", { kind: "retry" });
  await expect(late).rejects.toMatchObject({ code: "too-many-requests" });
});
