// Aim: the pure parts of the actors' page, the readings that pages share, and its requests. Method: values by hand, and
// the application by itself on actors that note each question.
import { describe, expect, onTestFinished, test } from "vitest";
import { createMachine } from "xstate";
import { createSharedReadings } from "../../../src/dashboard/actors/shared-readings.ts";
import { actorsViewOf, actorViewOf, noChartWords } from "../../../src/dashboard/actors/view.ts";
import { createApplication } from "../../../src/dashboard/application.ts";
import { createFeed } from "../../../src/dashboard/feed.ts";
import { leavesOf, stateWords } from "../../../src/dashboard/page/figures/active-states.ts";
import { viewShown } from "../../../src/dashboard/page/figures/view-shown.ts";
import { type Chart, chartOf } from "../../../src/diagram/chart.ts";
import { LockstepError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { silentLog } from "../../../src/log.ts";
import type { ActorsClient } from "../../../src/operator/actors/actors-client.ts";
import type { Receiver } from "../../../src/operator/actors/send-event.ts";
import type { ActorLook, ActorWhy } from "../../../src/operator/actors/show-actor.ts";
import { activeStatesOf } from "../../../src/operator/actors/state-names.ts";
import type { Taken } from "../../../src/operator/actors/taken-reader.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { statusWith, things } from "../fleet-status.ts";

const token = "0123456789abcdef";
const nowMs = Date.UTC(2026, 0, 31, 6);
const chart = chartOf(
  createMachine({
    id: "order",
    initial: "open",
    states: {
      open: { on: { PAY: "paid" }, after: { 60000: "paid" } },
      paid: { initial: "by", states: { by: {} } },
    },
  }),
);
const standing: Omit<ActorWhy, "events" | "reason" | "lack" | "isStuck"> = {
  ...{ id: "o/1", machine: "order", version: "1.0.0", database: "shop", state: "open" },
  ...{ status: "active", since: new Date(nowMs - 5_000), worker: null, nowMs, work: [] },
  timers: [{ event: "xstate.after.60000.order.open", at: new Date(nowMs + 55_000) }],
};
const look: ActorLook & { readonly way: Taken | null } = {
  shown: {
    ...standing,
    ...{ revision: 3, tags: ["new"], started: new Date(nowMs - 9_000), reason: null },
    values: { context: { json: {}, text: "{}" }, output: null },
  },
  why: { ...standing, events: ["PAY"], reason: null, lack: null, isStuck: false },
  sending: { migratesTo: null },
  way: { taken: ["open PAY -> paid"], last: [], passed: ["open"], from: 0 },
};
const receiver: Receiver = {
  ...{ id: "o/1", machine: "order", version: "1.0.0", state: "open", status: "active" },
  ...{ database: "shop", migratesTo: null },
};

/** Actors that note what is asked of them. */
function actorsWith(part: Partial<ActorsClient> = {}) {
  const asked: unknown[] = [];
  const actors: ActorsClient = {
    ...{ database: "shop", versions: ["order@1.0.0"], notices: [] },
    async list(query) {
      asked.push(query);
      return {
        ...{ actors: [], next: null, staleMs: 30_000, workers: 1, database: "shop", nowMs },
        machines: ["order"],
      };
    },
    async look(id) {
      asked.push(id);
      return look;
    },
    async journal(id, before) {
      asked.push([id, before]);
      return { transitions: [], before: null, deleted: 0 };
    },
    chart: (_machine, version): Chart | null => (version === "1.0.0" ? chart : null),
    async send(event, agree) {
      await agree(receiver);
      asked.push(event);
      const sent = { outcome: "applied", state: "paid", status: "active", revision: 4 } as const;
      return { ...sent, receiver, notices: [] };
    },
    ...part,
  };
  return { actors, asked };
}

function stage(part: Partial<ActorsClient> = {}, givenToken: string | null = token) {
  const { actors, asked } = actorsWith(part);
  const clock = createVirtualClock();
  const fleet = {
    status: async () => statusWith(),
    ...{ request: async () => ({ ok: true as const, upgradeId: "", message: "" }) },
    ...{ film: async () => null as never, explain: async () => null as never },
    async *watch() {},
    history: async () => [],
  };
  const feed = createFeed({ fleet, of: things, clock, instance: "i" });
  onTestFinished(() => feed.close());
  const application = createApplication({
    ...{ fleet, feed, page: new Map(), databaseName: "things", allowedHosts: [] },
    ...{ actors, clock, log: silentLog, token: givenToken },
    metrics: async () => ({ type: "text/plain", text: "" }),
  });
  const own = { host: "127.0.0.1" };
  const get = (path: string, query: Readonly<Record<string, string>> = {}) =>
    application.request(`/api/engine/${path}?${new URLSearchParams(query)}`, { headers: own });
  const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    application.request("/api/engine/events", {
      ...{ method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) },
      headers: { ...own, authorization: `Bearer ${token}`, ...headers },
    });
  return { get, post, asked, clock };
}

const seen = { version: "1.0.0", state: "open", status: "active" };
const pay = { id: "o/1", event: '{"type":"PAY"}', key: "k", seen };

describe("requests", () => {
  test("a list passes its filters on, within bounds, and refuses a status that there is not", async () => {
    const { get, asked } = stage();
    const query = { machine: "order", state: '{"a":"b"}', tag: "", status: "done", after: "o/1" };
    expect((await get("actors", query)).status).toBe(200);
    const { tag: _, ...given } = query;
    expect(asked).toEqual([{ ...given, limit: limits.dashboardActorsMax }]);
    const refused = await get("actors", { status: "over" });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { code: "bad-argument", message: expect.stringContaining("status: expected one of active") },
    ]);
  });

  test("an id arrives as it is, whatever characters it has", async () => {
    const { get, asked } = stage();
    for (const id of ["..", "a/b", "%2F", 'q"<b>?#&=+ ', "ü\u202e", "x".repeat(501)]) {
      expect((await get("actor", { id })).status).toBe(200);
      expect((await get("journal", { id, before: "7" })).status).toBe(200);
      expect(asked.splice(0)).toEqual([id, [id, 7]]);
    }
    for (const before of ["0", "-1", "x", "9".repeat(16)]) {
      expect((await get("journal", { id: "a", before })).status).toBe(400);
    }
  });

  test("trouble has its code and its status", async () => {
    for (const [code, status] of [
      ["unknown-actor", 404],
      ["bad-argument", 400],
      ["record-broken", 409],
      ["database-unreachable", 503],
    ] as const) {
      const { get } = stage({ look: () => Promise.reject(new LockstepError(code, "why")) });
      const answer = await get("actor", { id: "a" });
      expect([answer.status, await answer.json()]).toEqual([status, { code, message: "why" }]);
    }
  });

  test("a picture only of a version that the module has", async () => {
    const { get } = stage();
    const asked = { machine: "order", form: "brief" };
    const drawn = await get("diagram", { ...asked, version: "1.0.0" });
    expect(drawn.headers.get("content-type")).toBe("image/svg+xml");
    expect(await drawn.text()).toContain('data-state="paid.by"');
    expect((await get("diagram", { ...asked, version: "2.0.0" })).status).toBe(404);
  });

  test("an event needs the token, the page's own origin, and bounds", async () => {
    const { post, asked } = stage();
    const statusOf = async (...given: Parameters<typeof post>) => (await post(...given)).status;
    expect(await statusOf(pay, { authorization: "" })).toBe(401);
    expect(await statusOf(pay, { authorization: "Bearer fedcba9876543210" })).toBe(403);
    expect(await statusOf(pay, { "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await statusOf(pay, { origin: "http://evil.example" })).toBe(403);
    expect(await statusOf(pay, { host: "evil.example" })).toBe(403);
    const huge = {
      ...pay,
      event: JSON.stringify({ type: "x".repeat(limits.dashboardEventBytesMax) }),
    };
    expect(await statusOf(huge)).toBe(413);
    expect(await statusOf(huge, { authorization: "" })).toBe(401);
    for (const event of ["no JSON", "[]", "null", '{"type":7}', '{"type":""}']) {
      expect([event, await statusOf({ ...pay, event })]).toEqual([event, 400]);
    }
    expect(await statusOf({ ...pay, seen: undefined })).toBe(400);
    expect(await statusOf("{")).toBe(400);
    expect((await stage({}, null).post(pay)).status).toBe(403);
    expect(asked).toEqual([]);
  });

  test("an event goes to the actor as the person saw it, and its outcome is said", async () => {
    const { post, asked } = stage();
    const moved = await post({ ...pay, seen: { ...seen, state: "paid" } });
    expect([moved.status, await moved.json()]).toEqual([
      409,
      { code: "wrong-state", message: expect.stringContaining("found it in open (active, 1.0.0)") },
    ]);
    expect(asked).toEqual([]);
    const sent = await post(pay);
    expect([sent.status, await sent.json()]).toEqual([
      200,
      { outcome: "applied", state: "paid", message: "applied: o/1 is in paid, revision 4" },
    ]);
    expect(asked).toEqual([{ id: "o/1", key: "k", event: { type: "PAY" } }]);
  });
});

describe("readings that pages share", () => {
  test("a question is asked once at a time, and once a second, also where it fails", async () => {
    const clock = createVirtualClock();
    const readings = createSharedReadings(clock);
    let count = 0;
    let settle = (_answer: number) => {};
    const read = () => {
      count += 1;
      return new Promise<number>((resolve) => {
        settle = resolve;
      });
    };
    const both = Promise.all([readings.ask("a", read), readings.ask("a", read)]);
    settle(1);
    expect([await both, count]).toEqual([[1, 1], 1]);
    await clock.advance(limits.dashboardLookAgeMs - 1);
    expect([await readings.ask("a", read), count]).toEqual([1, 1]);
    await clock.advance(1);
    const again = readings.ask("a", read);
    settle(2);
    expect([await again, count]).toEqual([2, 2]);
    let failures = 0;
    const fail = () => {
      failures += 1;
      return Promise.reject(new Error("away"));
    };
    for (const _ of [1, 2]) await expect(readings.ask("b", fail)).rejects.toThrow("away");
    expect(failures).toBe(1);
  });

  test("too many different questions at once are refused, and a few old answers are kept", async () => {
    const readings = createSharedReadings(createVirtualClock());
    const waiting: (() => void)[] = [];
    const read = () => new Promise<void>((resolve) => waiting.push(resolve));
    const asked = Array.from({ length: limits.dashboardLooksAtOnce }, (_, at) =>
      readings.ask(String(at), read),
    );
    expect(() => readings.ask("one more", read)).toThrow(
      expect.objectContaining({ code: "too-many-requests" }),
    );
    for (const resolve of waiting) resolve();
    await Promise.all(asked);
    let count = 0;
    const fast = async () => {
      count += 1;
    };
    for (let at = 0; at < limits.dashboardLooksKept; at += 1) await readings.ask(`f${at}`, fast);
    await readings.ask("0", fast);
    expect(count).toBe(limits.dashboardLooksKept + 1);
  });
});

describe("the view of an actor", () => {
  test("the active states of each kind of chart, and the innermost of them", () => {
    for (const [state, active, leaves] of [
      ["open", ["open"], ["open"]],
      ['{"paid":{"by":"card"}}', ["paid", "paid.by", "paid.by.card"], ["paid.by.card"]],
      ['{"a":"x","b":{}}', ["a", "a.x", "b"], ["a.x", "b"]],
      ["{odd", ["{odd"], ["{odd"]],
      ["{}", [], []],
    ] as const) {
      expect(activeStatesOf(state)).toEqual(active);
      expect(leavesOf(active)).toEqual(leaves);
      expect(stateWords(state)).toBe(leaves.join(", "));
    }
  });

  test("it has times in numbers, timers in words, and the states of its chart", () => {
    const { actors } = actorsWith();
    const view = actorViewOf(look, actors);
    expect(view).toMatchObject({
      ...{ id: "o/1", now: nowMs, since: nowMs - 5_000, started: nowMs - 9_000, context: "{}" },
      why: { words: "it moves by an event, or by its timer after 1 min", at: nowMs + 55_000 },
      ...{ timers: [{ event: "after 1 min", at: nowMs + 55_000 }], events: ["PAY"] },
      worker: expect.stringContaining("none owns it"),
      ...{ isWorkerAlive: false, noChart: null, way: { taken: ["open PAY -> paid"] } },
    });
    expect(view.states?.map(({ name }) => name)).toEqual(["open", "paid", "paid.by"]);
  });

  test("it says why there is no picture", () => {
    const of = { machine: "order", version: "0.9.0" };
    expect(noChartWords(of, null)).toContain("with --module of `lockstep serve`");
    expect(noChartWords(of, ["order@1.0.0", "trip@1.0.0"])).toContain(
      'needs "order@0.9.0", and the module has order@1.0.0, trip@1.0.0',
    );
    expect(noChartWords({ ...of, version: "1.0.0" }, ["order@1.0.0"])).toBeNull();
  });

  test("a list suggests the states in which an actor of the machine can be", async () => {
    const { actors } = actorsWith();
    const listed = await actors.list({});
    expect(actorsViewOf(listed, "order", actors).states).toEqual(["open", '{"paid":"by"}']);
    expect(actorsViewOf(listed, undefined, actors).states).toEqual([]);
  });
});

test("the page shows the fleet and the actors, or the one of them that is there", () => {
  const noFleet = { versions: null, trouble: { code: "no-version", message: "" } };
  const away = { versions: null, trouble: { code: "rights-missing", message: "" } };
  const fleet = { ...things, engine: "shop" };
  for (const [view, part, shown] of [
    [null, away, "fleet"],
    ["actors", away, "actors"],
    ["fleet", noFleet, "actors"],
    [null, noFleet, "actors"],
  ] as const) {
    expect(viewShown({ view }, { fleet, ...part })).toBe(shown);
  }
  expect(viewShown({ view: "actors" }, { fleet: things, ...noFleet })).toBe("fleet");
});
