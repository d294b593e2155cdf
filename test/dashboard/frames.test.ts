// Aim: a page that takes every frame shows what the server read. Method: random sequences of statuses.
import fc from "fast-check";
import { expect, test } from "vitest";
import { growthBetween, withGrowth } from "../../src/dashboard/film-growth.ts";
import { frameBetween, withFrame } from "../../src/dashboard/frames.ts";
import { emptyView, viewOf, type WholeView } from "../../src/dashboard/view.ts";
import type { Lane } from "../../src/operator/film/film.ts";
import { filmWith } from "./film.ts";
import { agentWith, at, statusWith, things, upgradeWith } from "./fleet-status.ts";

const statuses = fc.record({
  agents: fc.uniqueArray(
    fc.record({
      agent: fc.constantFrom("a1", "a2", "a10", "__proto__", "constructor"),
      version: fc.constantFrom("1.0.0", "1.1.0"),
      gate: fc.constantFrom("open" as const, "shut" as const),
    }),
    { selector: ({ agent }) => agent },
  ),
  state: fc.constantFrom("waiting", "migrating", "done"),
  upgraded: fc.boolean(),
  steps: fc.nat(5),
  upgradeId: fc.constantFrom("u000002", "u000003"),
});

const names = ["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"];

type Reading = typeof statuses extends fc.Arbitrary<infer Value> ? Value : never;

const viewFrom = ({ agents, state, upgraded, steps, upgradeId }: Reading): WholeView =>
  viewOf(
    things,
    statusWith({
      agents: agents.map(agentWith),
      upgrade: upgraded ? upgradeWith({ state }) : null,
    }),
    {
      film: upgraded
        ? filmWith({ upgrade: names.slice(0, steps), a1: names.slice(0, 2) }, { upgradeId })
        : null,
    },
  );

test("the frames between views, one after the other, make each view", () => {
  fc.assert(
    fc.property(fc.array(statuses, { minLength: 1, maxLength: 6 }), (readings) => {
      let sent: WholeView | null = null;
      let shown = emptyView({ name: "", database: "", engine: null });
      for (const reading of readings) {
        const view = viewFrom(reading);
        const frame = frameBetween(sent, view, at);
        if (frame) shown = withFrame(shown, JSON.parse(JSON.stringify(frame))) as WholeView;
        expect(JSON.parse(JSON.stringify(shown))).toEqual(JSON.parse(JSON.stringify(view)));
        sent = view;
      }
    }),
  );
});

test("nothing is sent where nothing has changed, and only the agent that has", () => {
  const before = viewOf(things, statusWith());
  expect(frameBetween(before, viewOf(things, statusWith({ now: at + 1 })), at)).toBeNull();
  const moved = statusWith({ agents: [agentWith(), agentWith({ agent: "a2", gate: "shut" })] });
  expect(frameBetween(before, viewOf(things, moved), at)).toMatchObject({
    ...{ whole: false, parts: {}, gone: [] },
    agents: [{ agent: "a2", gate: "shut" }],
  });
});

test("a film grows by its new steps alone, and a gap is noticed", () => {
  const at = (count: number) => filmWith({ upgrade: names.slice(0, count) });
  const growth = growthBetween(at(2), at(4));
  expect(growth?.lanes[0]).toMatchObject({ known: 2, steps: [{ revision: 2 }, { revision: 3 }] });
  expect(growth).not.toHaveProperty("charts");
  expect(growth && withGrowth(at(2), growth)).toEqual(at(4));
  expect(growth && withGrowth(at(3), growth)).toEqual(at(4));
  expect(growth && withGrowth(at(1), growth)).toBeUndefined();
  expect(growth && withGrowth(null, growth)).toBeUndefined();
  expect(growthBetween(at(4), at(4))).toBeNull();
});

test("a film grows by the lanes that have changed alone, and loses those that are gone", () => {
  const before = filmWith({ upgrade: names.slice(0, 3), a1: names.slice(0, 1), a3: names });
  const after = filmWith({ upgrade: names.slice(0, 3), a1: names.slice(0, 2), a2: names });
  const growth = growthBetween(before, after);
  expect(growth?.lanes.map(({ lane }) => lane.agent)).toEqual(["a1", "a2"]);
  expect(growth?.gone).toEqual([before.lanes[2]?.actor]);
  expect(growth && withGrowth(before, growth)).toEqual(after);
  const [lane, ...others] = after.lanes;
  const served = { ...after, lanes: [{ ...lane, servedAt: 5 } as Lane, ...others] };
  expect(growthBetween(after, served)?.lanes).toMatchObject([{ known: 3, steps: [] }]);
});
