// Aim: a page that takes every frame shows what the server read. Method: random sequences of statuses.
import fc from "fast-check";
import { expect, test } from "vitest";
import { frameBetween, withFrame } from "../../src/dashboard/frames.ts";
import { emptyView, viewOf, type WholeView } from "../../src/dashboard/view.ts";
import { agentWith, at, statusWith, upgradeWith } from "./fleet-status.ts";

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
});

type Reading = typeof statuses extends fc.Arbitrary<infer Value> ? Value : never;

const viewFrom = ({ agents, state, upgraded }: Reading): WholeView =>
  viewOf(
    "things",
    statusWith({
      agents: agents.map(agentWith),
      upgrade: upgraded ? upgradeWith({ state }) : null,
    }),
    [],
  );

test("the frames between views, one after the other, make each view", () => {
  fc.assert(
    fc.property(fc.array(statuses, { minLength: 1, maxLength: 6 }), (readings) => {
      let sent: WholeView | null = null;
      let shown = emptyView("something else");
      for (const reading of readings) {
        const view = viewFrom(reading);
        const frame = frameBetween(sent, view, at);
        if (frame) shown = withFrame(shown, JSON.parse(JSON.stringify(frame)));
        expect(JSON.parse(JSON.stringify(shown))).toEqual(JSON.parse(JSON.stringify(view)));
        sent = view;
      }
    }),
  );
});

test("nothing is sent where nothing has changed, and only the agent that has", () => {
  const before = viewOf("things", statusWith(), []);
  expect(frameBetween(before, viewOf("things", statusWith({ now: at + 1 }), []), at)).toBeNull();
  const moved = statusWith({ agents: [agentWith(), agentWith({ agent: "a2", gate: "shut" })] });
  expect(frameBetween(before, viewOf("things", moved, []), at)).toMatchObject({
    ...{ whole: false, parts: {}, gone: [] },
    agents: [{ agent: "a2", gate: "shut" }],
  });
});
