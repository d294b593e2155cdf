// Aim: in a real browser every text lies within its box, also where all is marked and bold, in both themes. Method: a real
// Chromium measures the pictures.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { participantMachine } from "../../machines/participant.ts";
import { upgradeMachine } from "../../machines/upgrade.ts";
import { chartOf } from "../../src/diagram/chart.ts";
import { edgeKey } from "../../src/diagram/edge-counts.ts";
import { svgOf } from "../../src/diagram/svg/draw.ts";
import { layoutOf } from "../../src/diagram/svg/layout.ts";
import { openBrowser } from "../support/open-browser.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** The texts that leave the box of their state or label, with the width that is missing. */
const overflowing = `[...document.querySelectorAll("text:not(.caption)")].flatMap((text) => {
  const box = text.closest(".state, .any")?.querySelector("rect") ?? text.closest("g:has(> .label)")?.querySelector("rect");
  if (!box) return [text.textContent + ": no box"];
  const [inner, outer] = [text.getBBox(), box.getBBox()];
  const over = inner.x + inner.width - (outer.x + outer.width);
  return over > -1 || inner.y < outer.y || inner.y + inner.height > outer.y + outer.height ? [text.textContent + ": " + over] : [];
})`;

test.each([upgradeMachine, participantMachine].map(chartOf))(
  "$name: every text fits its box, bold too",
  async (chart) => {
    const notes = {
      counts: { model: Object.fromEntries(chart.edges.map((edge) => [edgeKey(edge), 123_456])) },
    };
    const keys = chart.edges.map(edgeKey);
    const marks = { active: chart.states.map(({ name }) => name), taken: keys, last: keys };
    const page = await browser.newPage({ colorScheme: "dark" });
    await page.setContent(svgOf(await layoutOf(chart, notes), { notes, marks }));
    expect(await page.evaluate(overflowing)).toEqual([]);
    const weight = `getComputedStyle(document.querySelector(".edge.taken text")).fontWeight`;
    expect(await page.evaluate(weight)).toBe("650");
    // The picture follows the theme of its reader.
    const background = `getComputedStyle(document.querySelector(".background")).fill`;
    const dark = await page.evaluate(background);
    await page.emulateMedia({ colorScheme: "light" });
    expect([dark, await page.evaluate(background)]).toEqual([
      "rgb(14, 20, 29)",
      "rgb(255, 255, 255)",
    ]);
    await page.close();
  },
);
