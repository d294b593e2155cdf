// Aim: a picture of a machine is the same each time, shows every state and edge once under an id of its own, keeps all
// apart and within its frame, and holds no markup from a name. Method: the shipped machines, and a chart with every
// kind of state; geometry is judged by figures, markup by a small reader of tags.
import { expect, test } from "vitest";
import { createMachine, fromPromise } from "xstate";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { anyState, chartOf } from "../../src/diagram/chart.ts";
import { edgeKey } from "../../src/diagram/edge-counts.ts";
import { mermaidOf } from "../../src/diagram/mermaid.ts";
import { edgeElementId, stateElementId, svgOf } from "../../src/diagram/svg/draw.ts";
import { type Box, type Layout, layoutOf, type Point } from "../../src/diagram/svg/layout.ts";
import { fitted, textWidth } from "../../src/diagram/svg/text-width.ts";

const shop = createMachine({
  id: "shop",
  initial: "open",
  on: { CANCEL: ".gone", NOTE: {} },
  states: {
    open: {
      description: "Waits for a payment.",
      on: { PAY: "paying" },
      after: { 3600000: "gone" },
    },
    paying: {
      initial: "card",
      invoke: { src: fromPromise(async () => {}), id: "rate", onError: "gone" },
      onDone: "packing",
      states: {
        card: { invoke: { src: "charge", onDone: "paid", onError: "voucher" } },
        voucher: { on: { "*": "paid" } },
        paid: { type: "final" },
        last: { type: "history" },
      },
    },
    packing: {
      type: "parallel",
      onDone: "sent",
      states: {
        box: {
          initial: "empty",
          states: { empty: { on: { FILL: "full" } }, full: { type: "final" } },
        },
        label: {
          initial: "blank",
          states: { blank: { on: { PRINT: "done" } }, done: { type: "final" } },
        },
      },
    },
    sent: { type: "final" },
    gone: { on: { AGAIN: "paying.last" } },
  },
});

const charts = [upgradeMachine, participantMachine, shop].map(chartOf);

const overlaps = (one: Box, other: Box) =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height;

/** The boxes that may not touch each other: the innermost states, and the labels. */
function boxesOf({ states, arrows, chart }: Layout): readonly Box[] {
  const parents = new Set(chart.states.map(({ parent }) => parent));
  const inner = states.filter(({ state }) => !parents.has(state.name)).map(({ box }) => box);
  return [...inner, ...arrows.flatMap(({ label }) => label ?? [])];
}

/** Every opening tag, after a look that each is closed in order. */
function tagsOf(svg: string): readonly string[] {
  const open: string[] = [];
  const tags: string[] = [];
  for (const [tag, slash, name = "", end] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (slash !== "") expect(open.pop()).toBe(name);
    else {
      tags.push(tag);
      if (end === "") open.push(name);
    }
  }
  expect(open).toEqual([]);
  return tags;
}

const attribute = (tags: readonly string[], name: string) =>
  tags.flatMap((tag) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? []);

test.each(charts)(
  "$name: twice the same, each part once, nothing on anything else",
  async (chart) => {
    const layout = await layoutOf(chart);
    const svg = svgOf(layout);
    expect(svgOf(await layoutOf(chart))).toBe(svg);
    const tags = tagsOf(svg);
    const ids = attribute(tags, "id");
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name } of chart.states) expect(ids).toContain(stateElementId(chart.name, name));
    for (const edge of chart.edges) expect(ids).toContain(edgeElementId(chart.name, edgeKey(edge)));
    const boxes = boxesOf(layout);
    const touching = boxes.flatMap((box, index) =>
      boxes.slice(index + 1).filter((other) => overlaps(box, other)),
    );
    expect(touching).toEqual([]);
    const whole = { x: 0, y: 0, width: layout.width, height: layout.height };
    for (const box of boxes) {
      expect(box.x >= 0 && box.x + box.width <= whole.width).toBe(true);
      expect(box.y >= 0 && box.y + box.height <= whole.height).toBe(true);
    }
  },
);

/** True where a piece of a way lies within the inside of a box. */
const crosses = (box: Box, from: Point, to: Point) =>
  overlaps(
    { x: box.x + 1, y: box.y + 1, width: box.width - 2, height: box.height - 2 },
    {
      x: Math.min(from.x, to.x),
      y: Math.min(from.y, to.y),
      width: Math.max(0.1, Math.abs(from.x - to.x)),
      height: Math.max(0.1, Math.abs(from.y - to.y)),
    },
  );

test.each(charts)(
  "$name: no way leads over a state or over the label of another way",
  async (chart) => {
    const layout = await layoutOf(chart);
    const parents = new Set(chart.states.map(({ parent }) => parent));
    const inner = layout.states.filter(({ state }) => !parents.has(state.name));
    for (const { from, to, points, label } of layout.arrows) {
      const others = layout.arrows.flatMap((arrow) =>
        arrow.label === label ? [] : (arrow.label ?? []),
      );
      const boxes = [...inner.map(({ box }) => box), ...others];
      const crossed = points
        .slice(1)
        .flatMap((point, index) =>
          boxes.filter((box) => crosses(box, points[index] ?? point, point)),
        );
      expect(crossed, `${from} → ${to}`).toEqual([]);
    }
  },
);

test("each state lies within the state around it", async () => {
  const { states } = await layoutOf(chartOf(shop));
  for (const { state, box } of states.filter(({ state: { parent } }) => parent !== null)) {
    const around = states.find(({ state: { name } }) => name === state.parent)?.box;
    expect(around).toBeDefined();
    expect(around && box.x > around.x && box.x + box.width < around.x + around.width).toBe(true);
    expect(around && box.y > around.y && box.y + box.height < around.y + around.height).toBe(true);
  }
});

test("the chart of a user's machine has its nested states, and XState's own events in words", () => {
  const { states, edges, everywhere, initial } = chartOf(shop);
  expect(initial).toBe("open");
  expect(states.map(({ name, kind, initial: first }) => [name, kind, first])).toEqual([
    ["open", "atomic", null],
    ["paying", "compound", "paying.card"],
    ["paying.card", "atomic", null],
    ["paying.voucher", "atomic", null],
    ["paying.paid", "final", null],
    ["paying.last", "history", null],
    ["packing", "parallel", null],
    ["packing.box", "compound", "packing.box.empty"],
    ["packing.box.empty", "atomic", null],
    ["packing.box.full", "final", null],
    ["packing.label", "compound", "packing.label.blank"],
    ["packing.label.blank", "atomic", null],
    ["packing.label.done", "final", null],
    ["sent", "final", null],
    ["gone", "atomic", null],
  ]);
  expect(edges.map(edgeKey)).toEqual([
    "open PAY -> paying",
    "open after 1 h -> gone",
    "paying done -> packing",
    "paying failed: work -> gone",
    "paying.card done: charge -> paying.paid",
    "paying.card failed: charge -> paying.voucher",
    "paying.voucher any event -> paying.paid",
    "packing done -> sent",
    "packing.box.empty FILL -> packing.box.full",
    "packing.label.blank PRINT -> packing.label.done",
    "gone AGAIN -> paying.last",
    `${anyState} CANCEL -> gone`,
  ]);
  expect(everywhere).toEqual(["NOTE"]);
});

test("marks are classes of the states and edges that they name, and are said in the description", async () => {
  const chart = chartOf(shop);
  const svg = svgOf(await layoutOf(chart), {
    marks: { active: ["paying.card"], taken: ["open PAY -> paying"], last: ["open PAY -> paying"] },
  });
  const marked = tagsOf(svg).filter((tag) => / class="[^"]*\b(active|taken|last)\b/.test(tag));
  expect(
    marked.map((tag) => [
      /class="([^"]*)"/.exec(tag)?.[1],
      / data-(?:state|edge|to)="([^"]*)"/.exec(tag)?.[1],
    ]),
  ).toEqual([
    ["arrow taken last", "paying"],
    ["state atomic nested active", "paying.card"],
    ["edge line taken last", "open PAY -&#62; paying"],
  ]);
  expect(svg).toContain(
    "Active: paying.card. Begins in open. open leads to paying by PAY; to gone by after 1 h.",
  );
});

test("changed parts have a sign beside their colour, and counts are said of each edge", async () => {
  const chart = chartOf(shop);
  const notes = {
    edges: new Map([["open PAY -> paying", "removed"]] as const),
    states: new Map([["gone", "added"]] as const),
    counts: { model: { "open PAY -> paying": 3 } },
  };
  const svg = svgOf(await layoutOf(chart, notes), { notes });
  expect(svg).toContain('>− PAY<tspan class="count"> (3)</tspan></text>');
  expect(svg).toContain(">in brackets: how often taken by model</text>");
  expect(svg).toContain(">+ gone</text>");
  expect(svg).toContain("<title>− PAY: open → paying; taken by model 3</title>");
});

test("a brief picture has no labels, and its arrows say their edges", async () => {
  const notes = { brief: true };
  const layout = await layoutOf(chartOf(upgradeMachine), notes);
  const svg = svgOf(layout, { notes });
  expect(svg).not.toContain("data-edge");
  expect(svg).toContain("<title>rehearsalPassed: rehearsing → migrating</title>");
  expect(layout.width).toBeGreaterThan(3 * layout.height);
});

test("no name becomes markup, a selector or a control character", async () => {
  const hostile = createMachine({
    id: 'a"><script>alert(1)</script>',
    initial: "<b>",
    states: {
      "<b>": { description: "]]>&\u0007", on: { 'x"onload="y': "a b" } },
      "a b": {},
      a_20_b: {},
    },
  });
  const layout = await layoutOf(chartOf(hostile));
  const svg = svgOf(layout);
  const tags = tagsOf(svg.replace(/<style>.*<\/style>/s, ""));
  expect([...new Set(tags.map((tag) => /^<(\w+)/.exec(tag)?.[1]))].toSorted()).toEqual([
    "circle",
    "desc",
    "g",
    "path",
    "rect",
    "svg",
    "text",
    "title",
  ]);
  expect(tags.filter((tag) => / onload=/.test(tag))).toEqual([]);
  expect(svg).not.toContain("\u0007");
  const ids = attribute(tags, "id");
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[\w-]+$/);
});

test("a text is cut to its width, and a chart without a way is drawn, too", async () => {
  const font = { size: 12 };
  const long = "a".repeat(400);
  expect(textWidth(fitted(long, font, 100), font)).toBeLessThanOrEqual(100);
  expect(fitted("short", font, 100)).toBe("short");
  const lone = createMachine({ id: "lone", initial: "a", states: { a: {} } });
  expect(svgOf(await layoutOf(chartOf(lone)), { standalone: false })).not.toContain("<style>");
  const none = createMachine({ id: "none" });
  expect(svgOf(await layoutOf(chartOf(none)))).toContain("</svg>");
});

test("Mermaid draws the states within a state, and takes no sign from a name", () => {
  expect(mermaidOf(chartOf(shop))).toBe(
    [
      "stateDiagram-v2",
      "  direction TB",
      '  state "open" as open',
      '  state "paying" as paying {',
      '    state "card" as paying_card',
      '    state "voucher" as paying_voucher',
      '    state "paid" as paying_paid',
      '    state "last" as paying_last',
      "    [*] --> paying_card",
      "  }",
      '  state "packing" as packing {',
      '    state "box" as packing_box {',
      '      state "empty" as packing_box_empty',
      '      state "full" as packing_box_full',
      "      [*] --> packing_box_empty",
      "    }",
      "    --",
      '    state "label" as packing_label {',
      '      state "blank" as packing_label_blank',
      '      state "done" as packing_label_done',
      "      [*] --> packing_label_blank",
      "    }",
      "  }",
      '  state "sent" as sent',
      '  state "gone" as gone',
      "  [*] --> open",
      '  state "any state" as any_state',
      "  open --> paying: PAY",
      "  open --> gone: after 1 h",
      "  paying --> packing: done",
      "  paying --> gone: failed: work",
      "  paying_card --> paying_paid: done: charge",
      "  paying_card --> paying_voucher: failed: charge",
      "  paying_voucher --> paying_paid: any event",
      "  packing --> sent: done",
      "  packing_box_empty --> packing_box_full: FILL",
      "  packing_label_blank --> packing_label_done: PRINT",
      "  gone --> paying_last: AGAIN",
      "  any_state --> gone: CANCEL",
      "  sent --> [*]",
      "",
    ].join("\n"),
  );
  const hostile = createMachine({
    id: "h",
    initial: 'a"\n--> b',
    states: { 'a"\n--> b': { on: { "x;y\n%%": "a_b" } }, a_b: {}, "a.b": {} },
  });
  const lines = mermaidOf(chartOf(hostile)).split("\n");
  expect(lines.slice(2, 7)).toEqual([
    '  state "a#34; --#62; b" as a______b',
    '  state "a_b" as a_b',
    '  state "a.b" as a_b_2',
    "  [*] --> a______b",
    "  a______b --> a_b: x#59;y %%",
  ]);
});
