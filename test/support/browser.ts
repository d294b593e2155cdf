import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { expect } from "vitest";

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/** Each thing that axe finds wrong with the page, a line each. */
export async function violationsOf(page: Page): Promise<readonly string[]> {
  // The driver evaluates it by itself: the policy of the page would not run a script of others.
  await page.evaluate(axe.source);
  const found: readonly Violation[] = await page.evaluate(async () => {
    const { axe: inPage } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: Violation[] }> };
    };
    return (await inPage.run()).violations;
  });
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = "" }) => `${id}: ${html}: ${failureSummary}`),
  );
}

/** A light page of a desk's width, whose complaints are collected. */
export async function openPage(browser: Browser, complaints: string[]): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: 1_280, height: 900 },
    colorScheme: "light",
  });
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return page;
}

/** Axe finds nothing wrong with the page at three widths, and nothing is wider than the screen. */
export async function expectFitting(page: Page, name: string): Promise<void> {
  for (const width of [390, 820, 1_440]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await violationsOf(page)).toEqual([]);
    const wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect([name, width, wider]).toEqual([name, width, 0]);
  }
}

/** True where the innermost active state of the page's diagram lies within the part of it that is to be seen. */
export function isActiveSeen(page: Page): Promise<boolean> {
  return page
    .locator(".diagram .state.active")
    .last()
    .evaluate((state) => {
      const [part, frame] = [state, state.closest(".diagram")].map((each) =>
        each?.getBoundingClientRect(),
      );
      return (part?.left ?? 0) >= (frame?.left ?? 0) && (part?.right ?? 0) <= (frame?.right ?? 0);
    });
}
