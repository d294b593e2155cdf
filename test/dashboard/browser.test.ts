// Aim: an operator sees in the page what the journal says, whatever dies meanwhile. Method: a real fleet, `lockstep
// serve` as a process, and a real Chromium. The server and the master are killed; states, lanes and the replay are
// compared with the journal; axe looks at both themes.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startDashboard } from "../../src/dashboard/serve.ts";
import type { Film, FleetClient } from "../../src/index.ts";
import { freePort } from "../../src/local/mongod-process.ts";
import { momentAt, spanOf, visitsOfLane } from "../../src/operator/film/moment.ts";
import { type ChildProcess, exited, startProcess } from "../../src/ports/process.ts";
import { expectFitting, isActiveSeen, openPage, violationsOf } from "../support/browser.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { openBrowser } from "../support/open-browser.ts";
import { until } from "../support/until.ts";
import { agentWith, statusWith } from "./fleet-status.ts";

const token = "0123456789abcdef";
let fleet: TestFleet;
let browser: Browser;
let page: Page;
let server: ChildProcess;
let url: string;
let folder: string;
/** Each address that the page has asked for, and each complaint of the browser. */
const asked: string[] = [];
const complaints: string[] = [];

async function serve(): Promise<void> {
  const words = ["serve", "--port", new URL(url).port, "--mongo-url", fleet.mongoUrl];
  server = startProcess(process.execPath, [resolve("dist/src/cli/main.js"), ...words], {
    stdio: "ignore",
    env: { ...process.env, LOCKSTEP_DASHBOARD_TOKEN: token },
  });
  await until("an answer of the server", () =>
    fetch(`${url}healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
}

async function kill(): Promise<void> {
  server.kill("SIGKILL");
  await exited(server);
}

const text = (selector: string) => page.locator(selector).first().textContent();
const shows = (selector: string, wanted: string) =>
  page.locator(selector, { hasText: wanted }).first().waitFor();

/** The states of each lane as the page shows them. */
const shownLanes = () =>
  page.locator(".lane").evaluateAll((lanes) =>
    lanes.map((lane) => ({
      name: lane.querySelector(".lane-name")?.textContent,
      states: [...lane.querySelectorAll(".segment")].map((segment) => segment.textContent),
    })),
  );

const lanesOf = ({ lanes }: Film) =>
  lanes.map((lane) => ({
    name: lane.agent ?? "upgrade",
    states: visitsOfLane(lane).map(({ state }) => state),
  }));

/** The events in the list beside the time line, in their order. */
const shownEvents = () => page.locator(".events > li").allTextContents();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-page-"));
  [fleet, browser] = await Promise.all([startTestFleet(), openBrowser()]);
  url = `http://127.0.0.1:${await freePort()}/`;
  await serve();
  page = await openPage(browser, complaints);
  page.on("request", (request) => asked.push(request.url()));
});
afterAll(async () => {
  await browser?.close();
  server?.kill("SIGKILL");
  await fleet?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("ten thousand agents: the page shows those in trouble first, and a search finds each", async () => {
  const agents = Array.from({ length: 10_000 }, (_, index) =>
    agentWith({ agent: `agent-${index}`, blocked: index === 9_000 ? "a full disk" : null }),
  );
  const simulated: Partial<FleetClient> = {
    async *watch({ signal } = {}) {
      yield statusWith({ agents, upgrade: null });
      await new Promise((resolve) => signal?.addEventListener("abort", resolve));
    },
    history: async () => [],
  };
  const dashboard = await startDashboard({
    ...{ fleet: simulated as FleetClient, name: "many", databaseName: "many" },
    pageDirectory: resolve("dist/src/dashboard/page"),
  });
  const many = await browser.newPage();
  onTestFinished(async () => {
    await many.close();
    await dashboard.close();
  });
  await many.goto(dashboard.url);
  await many.locator(".tile").nth(59).waitFor();
  expect(await many.locator(".tile").count()).toBe(60);
  expect(await many.locator(".tile").first().textContent()).toContain("agent-9000");
  await many.getByLabel("Search the agents").fill("agent-4711");
  await many.locator(".tile", { hasText: "agent-4711" }).waitFor();
  expect(await many.locator(".tile").count()).toBe(1);
});

describe("a fleet in a browser", () => {
  test("an upgrade whose master is killed, seen through a server that is killed too", async () => {
    await page.goto(url);
    await shows(".connection", "live");
    await page.locator(".tile.active").nth(2).waitFor();
    expect(await text(".hero h2")).toBe("No upgrade yet");
    expect(await text("#news")).toBe("");

    await fleet.hold("progress-batch");
    const { upgradeId } = await fleet.fleet.upgrade("1.1.0");
    await fleet.reached("progress-batch");
    await shows(".stop.now", "migrating");
    await shows(".segment", "migrating");
    await shows(".diagram .state.active", "migrating");
    const status = await fleet.fleet.status();
    const [, driver] = await page.locator(".answer .words").allTextContents();
    expect(driver).toBe(status.master?.agent);
    await shows(".answer", "deadline in");

    await kill();
    await shows(".connection", "no connection");
    const dead = fleet.servers.find(({ name }) => name === status.master?.agent);
    await dead?.kill();
    await fleet.release("progress-batch");
    await serve();
    await shows(".connection", "live");
    await dead?.start();
    await fleet.ended(upgradeId, "done", "1.1.0");
    await shows(".stop.good", "done");
    await shows("#news", "1.0.0 to 1.1.0: done");
    await until("the title", async () => (await page.title()) === "done · things · Lockstep");
    await page.locator(".tile.active").nth(2).waitFor();

    const film = await fleet.fleet.film(upgradeId);
    await until("each agent's mark that it serves", async () => {
      return (await page.locator(".lane .lane-mark.served").count()) === 3;
    });
    expect(await shownLanes()).toEqual(lanesOf(film));
    expect(await page.locator(".lane .lane-mark.took-over").count()).toBeGreaterThan(0);
    // No gap and no double: the page has each entry of each journal once.
    const entries = film.lanes.reduce((sum, { steps }) => sum + steps.length, 0);
    expect((await shownEvents()).length).toBe(entries);
  });

  test("the replay shows each moment as the journal has it, and a link leads there", async () => {
    const { upgrade } = await fleet.fleet.status();
    const film = await fleet.fleet.film(upgrade?.upgradeId ?? "");
    const { from, until: end } = spanOf(film);
    for (const part of [0, 0.2, 0.5, 0.8, 1]) {
      const at = Math.round((end - from) * part);
      for (const { actor, state } of momentAt(film, from + at).lanes) {
        await page.goto(`${url}#upgrade=${film.upgradeId}&at=${at}&actor=${actor}`);
        if (state === null) await shows(".timeline", "It has not begun.");
        else await shows(".diagram .state.active", state);
        const active = await page
          .locator(".diagram .state.active")
          .evaluateAll((states) => states.map((each) => each.getAttribute("data-state")));
        expect([actor, at, active]).toEqual([actor, at, state === null ? [] : [state]]);
      }
    }
    // The picture in docs/dashboard.md: `LOCKSTEP_SCREENSHOTS=yes npx vitest run test/dashboard/browser.test.ts`.
    if (process.env["LOCKSTEP_SCREENSHOTS"]) {
      const at = Math.round((end - from) * 0.8);
      await page.goto(`${url}#upgrade=${film.upgradeId}&at=${at}`);
      await shows(".diagram .state.active", momentAt(film, from + at).lanes[0]?.state ?? "");
      await page.screenshot({ path: "docs/dashboard.png", fullPage: true });
    }
    await page.getByRole("slider").press("Home");
    expect(page.url()).toContain("at=0");
    await page.getByRole("button", { name: "Next event" }).click();
    expect(page.url()).not.toContain("at=0&");
    await page.getByRole("button", { name: "Back to the present" }).click();
    expect(page.url()).toBe(url);
    await shows(".diagram .state.active", "done");
  });

  test("on a phone the diagram shows the active state, and on a tablet the header keeps its parts together", async () => {
    onTestFinished(() => page.setViewportSize({ width: 1_280, height: 900 }));
    await page.setViewportSize({ width: 390, height: 900 });
    await page.reload();
    await shows(".diagram .state.active", "done");
    expect(await isActiveSeen(page)).toBe(true);
    expect(await text(".timeline .moment dd")).toMatch(/^done since \d/);
    await page.setViewportSize({ width: 820, height: 900 });
    const parts = [".versions", ".top .pill", ".connection"].map((part) =>
      page.locator(part).boundingBox(),
    );
    const middles = (await Promise.all(parts)).map((box) => (box?.y ?? 0) + (box?.height ?? 0) / 2);
    expect(Math.max(...middles) - Math.min(...middles)).toBeLessThan(4);
  });

  test("axe finds nothing in both themes, nothing is wider than the screen, and nobody else is asked", async () => {
    await page.getByText("The diagram as a list").click();
    await page.getByText("The time line as a list").click();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await expectFitting(page, colorScheme);
    }
    await page.setViewportSize({ width: 1_280, height: 900 });
    expect(asked.filter((address) => !address.startsWith(url))).toEqual([]);
    const ofTheKill = /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET)/;
    expect(complaints.filter((complaint) => !ofTheKill.test(complaint))).toEqual([]);
  });

  test("an abort: only with the token, after a question, by the keyboard", async () => {
    await fleet.hold("local-journal");
    const { upgradeId } = await fleet.fleet.upgrade("1.2.0");
    await fleet.reached("local-journal");
    await shows(".stop.now", "awaiting-peers");
    expect(await page.getByRole("button", { name: "Abort the upgrade" }).count()).toBe(0);
    await page.getByRole("button", { name: "Read-only" }).press("Enter");
    await page.getByLabel("Token").fill("another-token-00");
    await page.keyboard.press("Enter");
    await shows("dialog .detail", "found another one");
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "May act" }).waitFor();
    await page.getByRole("button", { name: "Abort the upgrade …" }).press("Enter");
    expect(await violationsOf(page)).toEqual([]);
    await page.getByLabel("Reason, for the history").fill("seen in the page");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await fleet.release("local-journal");
    await fleet.turnedBack(upgradeId, "aborted", "1.1.0");
    await shows(".stop.back", "rolled-back");
    await shows(".reason", "seen in the page");
  });

  test("an exported file opens without a server; one that was cut or changed is refused", async () => {
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export" }).click();
    const path = join(folder, "film.json");
    await (await download).saveAs(path);
    const whole = await readFile(path, "utf8");
    const [cut, edited] = [join(folder, "cut.json"), join(folder, "edited.json")];
    await writeFile(cut, whole.slice(0, -100));
    await writeFile(edited, whole.replace('"to":"1.2.0"', '"to":"9.9.9"'));
    await kill();
    const file = page.getByLabel("Open a file");
    await file.setInputFiles(cut);
    await shows(".notice", "expected a whole film, found its beginning");
    await file.setInputFiles(edited);
    await shows(".notice", "was changed after its export");
    await file.setInputFiles(path);
    await shows("#timeline-title", "Replay of a file");
    expect(await text("#timeline-title")).toContain("1.1.0 → 1.2.0");
    await page.getByRole("slider").press("End");
    await shows(".diagram .state.active", "rolled-back");
  });
});
