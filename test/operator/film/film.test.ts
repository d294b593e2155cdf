// Aim: a film tells an upgrade as its journals do: the same states at the same times, the edges that were taken, the
// takeovers and the deaths. Method: simulated fleets with faults, whose entries are both projected and replayed.
import { expect, test } from "vitest";
import { participantMachine } from "../../../machines/participant.ts";
import { upgradeMachine } from "../../../machines/upgrade.ts";
import type { UpgradeEvent } from "../../../machines/upgrade-context.ts";
import { participantId } from "../../../src/control/ids.ts";
import { chartOf } from "../../../src/diagram/chart.ts";
import { countableEdges, edgeKey } from "../../../src/diagram/edge-counts.ts";
import { takeoverTransition } from "../../../src/fleet-engine/transition.ts";
import type { Entry, Place } from "../../../src/journal/store.ts";
import { limits } from "../../../src/limits.ts";
import type { Film } from "../../../src/operator/film/film.ts";
import { FilmReader } from "../../../src/operator/film/film-reader.ts";
import { momentAt, spanOf, visitsOfLane } from "../../../src/operator/film/moment.ts";
import { fair, well } from "../../simulation/environment.ts";
import { drawPlan, type Fault, type Plan } from "../../simulation/plan.ts";
import { simulate, simulatePlan } from "../../simulation/simulate.ts";
import { createEdgeCounter } from "../../support/edge-counts.ts";
import {
  coordinator,
  hash,
  participant,
  to,
  upgradeId,
  ways,
} from "../../upgrade/protocol/facts.ts";

/** A store that holds these entries, and no more than the first ones where a number is given. */
function storeOf(
  entries: readonly Entry[],
  openings: readonly { agent: string; at: number }[] = [],
) {
  const reads: number[] = [];
  const names = new Set(
    entries.flatMap(({ owner }) => (owner.kind === "pinned" ? [owner.agent] : [])),
  );
  const indexOf = new Map(
    entries.map(({ actor, revision }, index) => [`${revision} ${actor}`, index] as const),
  );
  return {
    reads,
    shown: entries.length,
    now: async () => entries.at(-1)?.at ?? 0,
    async entries(actor: string, from = 0, limit = Number.POSITIVE_INFINITY) {
      const found = entries
        .slice(0, this.shown)
        .filter((entry) => entry.actor === actor && entry.revision >= from)
        .slice(0, limit);
      reads.push(found.length);
      return found;
    },
    async entriesAt(places: readonly Place[]) {
      const found = places
        .map(({ actor, revision }) => indexOf.get(`${revision} ${actor}`) ?? this.shown)
        .flatMap((index) => (index < this.shown ? (entries[index] ?? []) : []));
      reads.push(found.length);
      return found;
    },
    async list(collection: string) {
      const some = collection === "openings" ? openings : [...names].map((agent) => ({ agent }));
      return some.map((each) => ({ ...each, _id: each.agent }));
    },
  };
}

async function journalled(seedOrPlan: number | Plan): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  const onEntry = (entry: Entry) => void entries.push(entry);
  const { problems, timeline } = await (typeof seedOrPlan === "number"
    ? simulate(seedOrPlan, onEntry)
    : simulatePlan(seedOrPlan, onEntry));
  expect(problems, timeline.join("\n")).toEqual([]);
  return entries;
}

const idsIn = (entries: readonly Entry[]) => [
  ...new Set(
    entries.flatMap(({ actor }) => (actor.startsWith("upgrade/") ? [actor.slice(8)] : [])),
  ),
];

/** The last of an actor's entries at a time. The clock of the database may have gone back between two of them. */
function latestAt(entries: readonly Entry[], timeMs: number): Entry | undefined {
  const later = entries.findIndex(({ at }) => at > timeMs);
  return later < 0 ? entries.at(-1) : entries[later - 1];
}

test.each([1, 2, 5, 11, 23])(
  "seed %i: at every entry, the film is in the states of the journals",
  async (seed) => {
    const entries = await journalled(seed);
    const counter = createEdgeCounter();
    for (const entry of entries) counter.see(entry);
    const counted = JSON.parse(counter.text()) as Record<string, Record<string, number>>;
    const filmed: Record<string, Record<string, number>> = { upgrade: {}, participant: {} };
    const reader = new FilmReader(storeOf(entries));
    for (const id of idsIn(entries)) {
      const film = await reader.read(id);
      const own = entries.filter(({ actor }) => actor.endsWith(`/${id}`));
      expect(film.lanes.flatMap(({ steps }) => steps)).toHaveLength(own.length);
      for (const at of new Set(own.map((entry) => entry.at))) {
        for (const lane of momentAt(film, at).lanes) {
          const known = latestAt(
            own.filter(({ actor }) => actor === lane.actor),
            at,
          );
          expect(lane.state).toBe(known?.state ?? null);
          expect(lane.deadlines.map(({ dueAt }) => dueAt)).toEqual(
            known?.timers.map(({ dueAt }) => dueAt) ?? [],
          );
        }
      }
      for (const { machine, steps } of film.lanes) {
        for (const key of steps.flatMap(({ edges }) => edges)) {
          const counts = filmed[machine] ?? {};
          counts[key] = (counts[key] ?? 0) + 1;
        }
      }
    }
    for (const [machine, counts] of Object.entries(counted)) {
      expect(Object.fromEntries(Object.entries(filmed[machine] ?? {}).toSorted())).toEqual(
        Object.fromEntries(Object.entries(counts).toSorted()),
      );
    }
  },
);

test("what was read of a running upgrade is not read again, and the film is the same", async () => {
  const entries = await journalled(5);
  const [id = ""] = idsIn(entries);
  const store = storeOf(entries);
  const reader = new FilmReader(store);
  for (store.shown = 1; store.shown < entries.length; store.shown += 7) await reader.read(id);
  store.shown = entries.length;
  const grown = await reader.read(id);
  expect(grown).toEqual(await new FilmReader(storeOf(entries)).read(id));
  store.reads.length = 0;
  expect(await reader.read(id)).toEqual(grown);
  // Nobody is asked for an actor that has come to its end.
  expect(store.reads).toEqual([]);
});

const laneOf = (film: Film, agent: string | null) =>
  film.lanes.find((lane) => lane.agent === agent);
const changes = (film: Film, agent: string | null) =>
  laneOf(film, agent)?.steps.flatMap(({ change, by, epoch }) =>
    change === null ? [] : [[change, by, epoch]],
  );

test("a master that dies and its successor, a process that dies, and one that only changes its version are told apart", async () => {
  const fault = (kind: Fault["kind"], when: Fault["when"], whom: Fault["whom"]): Fault => ({
    ...{ kind, when, whom, ms: 500, version: "1.1.0" },
  });
  const plan: Plan = {
    ...drawPlan(1),
    ...{ hosts: 3, networkFaults: { ...fair, typicalMs: 1 } },
    asks: [{ restMs: 2_000, to: "1.1.0", misbehaviour: well }],
    faults: [
      fault("kill", { state: "rehearsing", visit: 1, delayMs: 50 }, "master"),
      fault("kill", { state: "migrating", visit: 1, delayMs: 5 }, 2),
    ],
  };
  const entries = await journalled(plan);
  const film = await new FilmReader(storeOf(entries)).read("u000002");
  const takeovers = changes(film, null) ?? [];
  expect(takeovers.length).toBeGreaterThan(1);
  for (const [index, change] of takeovers.entries()) {
    expect(change).toEqual(["took-over", expect.stringMatching(/^a[123]$/), index + 2]);
  }
  const deaths: (string | null | undefined)[] = [];
  for (const agent of ["a1", "a2", "a3"]) {
    const [first, ...others] = changes(film, agent) ?? [];
    // Each launcher starts the new version once, and again after a death.
    expect(first).toEqual(["restarted", agent, 2]);
    for (const [index, change] of others.entries()) {
      expect(change).toEqual(["died", agent, index + 3]);
      deaths.push(agent);
    }
  }
  expect(deaths).toHaveLength(2);
  expect(deaths).toContain("a3");
  const [coordinated] = film.lanes;
  const visits = coordinated ? visitsOfLane(coordinated) : [];
  expect(visits.map(({ state, event }) => [state, event])).toEqual([
    ["waiting", "lockstep.created"],
    ["backing-up", "participantReady"],
    ["rehearsing", "copyReported"],
    ["migrating", "rehearsalPassed"],
    ["awaiting-peers", "migrationDone"],
    ["done", "liveDataVerified"],
  ]);
  for (const [index, { until }] of visits.entries()) {
    expect(until).toBe(visits[index + 1]?.from ?? null);
  }
  const { from, until } = spanOf(film);
  const all = film.lanes.flatMap(({ steps }) => steps.map(({ at }) => at));
  expect([from, until]).toEqual([Math.min(...all), Math.max(...all)]);
  expect([film.from, film.to, film.final]).toEqual(["1.0.0", "1.1.0", true]);
});

const momentGone = { code: "moment-gone", message: "too old", details: {} };
const gone = (copy: UpgradeEvent): UpgradeEvent =>
  copy.type === "copyReported" ? { ...copy, digest: null, reason: momentGone } : copy;

test("a state that is entered anew is a visit of its own; a reason is said where it comes", async () => {
  const events = [
    ...(ways["rehearsing"] ?? []).slice(0, -1).map(gone),
    { type: "abortRequested", why: "no" } as const,
  ];
  const film = await new FilmReader(storeOf(coordinator(events))).read(upgradeId);
  const [lane] = film.lanes;
  expect(lane && visitsOfLane(lane).map(({ state, edges }) => [state, edges])).toEqual([
    ["waiting", []],
    [
      "backing-up",
      ["waiting gatesShut -> waiting", "waiting always readyWithSchemaSteps -> backing-up"],
    ],
    ["backing-up", ["backing-up copyReported momentIsGone -> backing-up"]],
    ["rolling-back", ["backing-up abortRequested -> rolling-back"]],
  ]);
  expect(lane?.steps.map(({ reason }) => reason?.code ?? null)).toEqual([
    null,
    null,
    null,
    null,
    null,
    null,
    "aborted",
  ]);
  expect(momentAt(film, 5).lanes[0]?.reason).toBe(null);
  expect(momentAt(film, 6).lanes[0]?.reason?.code).toBe("aborted");
});

test("before its first entry an actor is in no state; an agent serves from its opening on", async () => {
  const entries = [
    ...coordinator(ways["done"] ?? []),
    ...participant("a1", []).map((entry) => ({ ...entry, at: 50 })),
  ];
  const film = await new FilmReader(storeOf(entries, [{ agent: "a1", at: 90 }])).read(upgradeId);
  const lane = (at: number) => momentAt(film, at).lanes[1];
  expect(lane(49)).toEqual({
    ...{ actor: `participant/a1/${upgradeId}`, agent: "a1", state: null, since: null, step: null },
    ...{ taken: [], last: [], deadlines: [], reason: null, serves: false },
  });
  expect([lane(50)?.state, lane(89)?.serves, lane(90)?.serves]).toEqual(["waiting", false, true]);
  expect(spanOf(film)).toEqual({ from: 0, until: 90 });
});

test("a clock that went back is shown as one that stood still; an entry of another build has its state, and no edge", async () => {
  const entries = coordinator(ways["migrating"] ?? []).map((entry) => {
    const at = entry.revision === 4 ? 1 : entry.at;
    return entry.revision === 6 ? { ...entry, at, protocol: 99 } : { ...entry, at };
  });
  const film = await new FilmReader(storeOf(entries)).read(upgradeId);
  const [lane] = film.lanes;
  expect(lane?.steps.map(({ at }) => at)).toEqual(
    [0, 1, 2, 3, 3, 5, 6, 7].slice(0, entries.length),
  );
  expect(lane?.steps[6]?.edges).toEqual([]);
  expect(lane?.steps[6]?.state).toBe(entries[6]?.state);
});

test("a long journal is read a page at a time, and each entry once", async () => {
  const begun = coordinator(ways["migrating"] ?? []);
  const takeovers = 3 * limits.filmEntriesOnce - begun.length;
  const entries = [...begun];
  for (let epoch = 2; epoch < takeovers + 2; epoch += 1) {
    const tail = entries.at(-1) as Entry;
    entries.push(takeoverTransition(tail, { epoch, at: tail.at + 1 }).entry);
  }
  const store = storeOf(entries);
  const reader = new FilmReader(store);
  const [lane] = (await reader.read(upgradeId)).lanes;
  expect(lane?.steps.map(({ revision }) => revision)).toEqual(entries.map((_, index) => index));
  expect(lane?.steps.filter(({ change }) => change === "took-over")).toHaveLength(takeovers);
  const pages = Array.from({ length: 3 }, () => limits.filmEntriesOnce);
  expect(store.reads.filter((count) => count > 0)).toEqual(pages);
});

/** The entries of one that has come to the gate. */
const gateShut = participant("a1", [
  {
    ...{ type: "started", version: to, incarnation: 2, hash, schemaSteps: 0, protocol: 1 },
    cannotStart: null,
  },
  { type: "gateShut" },
]);

/** These entries for so many agents. */
function crowd(count: number, own: readonly Entry[]): readonly Entry[] {
  const agents = Array.from({ length: count }, (_, index) => `b${1_000 + index}`);
  return agents.flatMap((agent) =>
    own.map((entry): Entry => {
      const actor = participantId(agent, upgradeId);
      return { ...entry, actor, owner: { kind: "pinned", agent } };
    }),
  );
}

test("a fleet of a thousand agents takes a few queries, and fewer where none moves", async () => {
  const entries = [...coordinator(ways["migrating"] ?? []), ...crowd(1_000, gateShut)];
  const store = storeOf(entries);
  const reader = new FilmReader(store);
  const film = await reader.read(upgradeId);
  expect(film.lanes).toHaveLength(1_001);
  expect(
    film.lanes.every(({ agent, steps }) => agent === null || steps.length === gateShut.length),
  ).toBe(true);
  const groups = Math.ceil(1_000 / limits.filmActorsOnce);
  expect(store.reads.length).toBeLessThanOrEqual(
    1 + groups * (Math.ceil(Math.log2(gateShut.length)) + 2),
  );
  store.reads.length = 0;
  expect(await reader.read(upgradeId)).toEqual(film);
  expect(store.reads).toEqual(Array.from({ length: 1 + groups }, () => 0));
});

test("an entry whose predecessor a query has missed is read with it the next time", async () => {
  const own = crowd(1, gateShut);
  const store = storeOf([...coordinator(ways["migrating"] ?? []), ...own]);
  const reader = new FilmReader(store);
  const all = store.entriesAt.bind(store);
  store.entriesAt = async (places) =>
    (await all(places)).filter(({ revision }) => revision !== own.length - 2);
  const early = laneOf(await reader.read(upgradeId), "b1000");
  expect(early?.steps).toHaveLength(own.length - 2);
  store.entriesAt = all;
  const late = laneOf(await reader.read(upgradeId), "b1000");
  expect(late?.steps.map(({ revision }) => revision)).toEqual(own.map((_, index) => index));
});

test.each(["u000009", "nonsense"])(
  "an upgrade %s that the fleet has not had is refused",
  async (id) => {
    await expect(new FilmReader(storeOf([])).read(id)).rejects.toMatchObject({
      code: "no-upgrade",
    });
  },
);

test("every edge of a film is one of its charts", async () => {
  const film = await new FilmReader(storeOf(await journalled(3))).read("u000002");
  const known = new Set(
    [upgradeMachine, participantMachine].flatMap((machine) =>
      countableEdges(chartOf(machine)).map(edgeKey),
    ),
  );
  expect(
    film.lanes
      .flatMap(({ steps }) => steps.flatMap(({ edges }) => edges))
      .filter((key) => !known.has(key)),
  ).toEqual([]);
});
