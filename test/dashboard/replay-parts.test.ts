// Aim: the pure parts of the time line and of the replay: the place in the URL, the choice of a film, the lanes, the
// marks of a diagram, and the questions before a request.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  abortConfirmation,
  forgetConfirmation,
  pauseConfirmation,
  retryConfirmation,
} from "../../src/dashboard/page/figures/confirmations.ts";
import { leads } from "../../src/dashboard/page/figures/diagram-marks.ts";
import { neighbour, rowsOf } from "../../src/dashboard/page/figures/lanes.ts";
import { shownOf } from "../../src/dashboard/page/state/choose-film.ts";
import { hashOf, placeOf } from "../../src/dashboard/page/state/place-hash.ts";
import { viewOf } from "../../src/dashboard/view.ts";
import { filmWith } from "./film.ts";
import { at, statusWith, things, upgradeWith } from "./fleet-status.ts";

describe("the place in the URL", () => {
  test("leads back to itself", () => {
    const words = fc.option(fc.string({ unit: "binary", minLength: 1, maxLength: 30 }));
    const places = fc.record({
      view: fc.option(fc.constantFrom("fleet", "actors")),
      upgradeId: fc.option(fc.constantFrom("u000001", "u1234567")),
      ...{ atMs: fc.option(fc.nat()), actor: words, machine: words, state: words, tag: words },
      ...{ status: words, after: words, id: words, before: fc.option(fc.nat()) },
    });
    fc.assert(
      fc.property(places, (place) => {
        expect(placeOf(hashOf(place))).toEqual(place);
      }),
    );
  });

  test("is read as a link has it, and nonsense is left out", () => {
    const link = "#upgrade=u000002&at=44000&actor=participant/a2/u000002";
    expect(hashOf(placeOf(link))).toBe(link);
    const nothing = {
      ...{ view: null, upgradeId: null, atMs: null, actor: null, machine: null, state: null },
      ...{ tag: null, status: null, after: null, id: null, before: null },
    };
    const actor = "#view=actors&machine=order&state=paid&id=a/b";
    expect(hashOf(placeOf(actor))).toBe(actor);
    expect(placeOf(`#view=everything&before=x&id=${"i".repeat(2_001)}`)).toEqual(nothing);
    expect(placeOf("#upgrade=../../x&at=-1&actor=")).toEqual(nothing);
    expect(placeOf("#upgrade=u1&at=1e9")).toEqual(nothing);
    expect(placeOf("")).toEqual(nothing);
  });
});

test("a file comes before the server's films, and a past upgrade is shown once it is there", () => {
  const latest = filmWith({}, { upgradeId: "u000009" });
  const past = filmWith({});
  const at = (upgradeId: string | null) => ({ upgradeId, atMs: null, actor: null });
  const films = { file: null, past, trouble: "" };
  expect(shownOf(films, latest, at(null))).toEqual({ film: latest, source: "live" });
  expect(shownOf(films, latest, at("u000009"))).toEqual({ film: latest, source: "live" });
  expect(shownOf(films, latest, at("u000002"))).toEqual({ film: past, source: "past" });
  expect(shownOf(films, latest, at("u000003"))).toEqual({ film: null, source: "past" });
  expect(shownOf({ ...films, file: past }, latest, at("u000009")).source).toBe("file");
});

describe("the lanes", () => {
  const film = filmWith({
    upgrade: ["waiting", ["waiting", { enters: false, change: "took-over", by: "a2" }], "done"],
    a1: ["waiting", ["rolling-back", { outcome: "rejected", event: "undone" }]],
  });

  test("fill the width, up to the present of an upgrade under way", () => {
    const { fromMs, lengthMs, rows } = rowsOf(film, at + 4_000);
    expect([fromMs, lengthMs]).toEqual([at, 4_000]);
    expect(rows.map(({ label }) => label)).toEqual(["upgrade", "a1"]);
    expect(rows[0]?.segments).toEqual([
      { key: 0, state: "waiting", left: 0, width: 50, lastedMs: 2_000 },
      { key: 2, state: "done", left: 50, width: 50, lastedMs: 2_000 },
    ]);
    expect(rows[0]?.marks).toEqual([
      { key: "1", kind: "took-over", left: 25, text: "a2 took over" },
    ]);
    expect(rows[1]?.marks).toMatchObject([{ kind: "rejected", text: "undone was rejected" }]);
    expect(rowsOf(film, null).lengthMs).toBe(2_000);
  });

  test("of an upgrade of one entry have a length", () => {
    expect(rowsOf(filmWith({ upgrade: ["waiting"] }), null).lengthMs).toBe(1);
  });

  test("lead from one event to the next, of any actor", () => {
    expect(neighbour(film, at, 1)).toBe(at + 1_000);
    expect(neighbour(film, at + 1_000, -1)).toBe(at);
    expect(neighbour(film, at, -1)).toBeNull();
    expect(neighbour(film, at + 2_000, 1)).toBeNull();
  });
});

test("an arrow is marked by its own edges, and not by those of a state whose name begins alike", () => {
  const keys = ["migrating liveDataDiffers anotherMomentLeft -> backing-up"];
  expect(leads(keys, "migrating", "backing-up")).toBe(true);
  expect(leads(keys, "migrating", "up")).toBe(false);
  expect(leads(keys, "migr", "backing-up")).toBe(false);
});

describe("the question before a request", () => {
  const view = (facts: Parameters<typeof upgradeWith>[0]) =>
    viewOf(things, statusWith({ upgrade: upgradeWith(facts) }));

  test("names the upgrade that the person saw", () => {
    expect(abortConfirmation(view({}))).toMatchObject({
      ...{ type: null, why: true, request: { kind: "abort", upgradeId: "u000002" } },
    });
    expect(abortConfirmation(view({ howToStop: "nothing to stop" }))).toBeNull();
    expect(retryConfirmation(view({}))).toBeNull();
  });

  test("pauses what can be paused, and resumes what is paused or is about to be", () => {
    expect(pauseConfirmation(view({}))).toMatchObject({
      ...{ type: null, why: true, request: { kind: "pause", upgradeId: "u000002" } },
      text: expect.stringContaining("All gates stay shut: the application stays down"),
    });
    const resume = { howToPause: "lockstep resume", pause: { why: "" } } as const;
    const request = { kind: "resume", upgradeId: "u000002" };
    expect(pauseConfirmation(view(resume))).toMatchObject({
      request,
      text: expect.stringContaining("withdrawn"),
    });
    expect(pauseConfirmation(view({ ...resume, state: "paused" }))).toMatchObject({
      ...{ request, why: false, text: expect.stringContaining("goes on from the batch") },
    });
    expect(pauseConfirmation(view({ howToPause: null }))).toBeNull();
  });

  test("asks for a name where data of others or an agent is lost", () => {
    const reason = { code: "foreign-writes", message: "", details: {} };
    expect(retryConfirmation(view({ state: "blocked" }))?.type).toBeNull();
    expect(retryConfirmation(view({ state: "blocked", reason }))?.type).toBe("things");
    expect(forgetConfirmation("a3").type).toBe("a3");
  });
});
