// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
// Aim: a person finds an actor of an engine in the page, sees it move, and sends it an event. Method: an engine on the
// real set, `lockstep serve` as a process on a database without a fleet, and a real Chromium; axe looks at both themes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MongoClient } from "mongodb";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startDashboard } from "../../../src/dashboard/serve.ts";
import { createEngine } from "../../../src/engine/create-engine.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { createMongoEngineStore } from "../../../src/engine/journal/mongo-store.ts";
import type { FleetClient } from "../../../src/index.ts";
import { freePort } from "../../../src/local/mongod-process.ts";
import { silentLog } from "../../../src/log.ts";
import { createActorsClient } from "../../../src/operator/actors/actors-client.ts";
import { systemClock } from "../../../src/ports/clock.ts";
import { noFaults } from "../../../src/ports/fault-point.ts";
import { type ChildProcess, exited, startProcess } from "../../../src/ports/process.ts";
import { expectFitting, isActiveSeen, openPage, violationsOf } from "../../support/browser.ts";
import { freshDatabaseName, urlOf } from "../../support/database.ts";
import { openBrowser } from "../../support/open-browser.ts";
import { until } from "../../support/until.ts";
import { statusWith } from "../fleet-status.ts";
import { old, order, trip, writeModule } from "./machines.ts";

const token = "0123456789abcdef";
const database = freshDatabaseName();
const odd = `o/1?x=%2F&y#z"<b>é\u202e${"ü".repeat(200)}`;

let client: MongoClient;
let engine: Engine;
let browser: Browser;
let page: Page;
let folder: string;
let url: string;
const servers: ChildProcess[] = [];
const complaints: string[] = [];

async function serve(...words: readonly string[]): Promise<string> {
  const port = await freePort();
  const given = ["serve", "--port", String(port), "--mongo-url", urlOf(database), ...words];
  const server = startProcess(process.execPath, [resolve("dist/src/cli/main.js"), ...given], {
    stdio: "ignore",
    env: { ...process.env, LOCKSTEP_DASHBOARD_TOKEN: token },
  });
  servers.push(server);
  const served = `http://127.0.0.1:${port}/`;
  await until("an answer of the server", () =>
    fetch(`${served}healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return served;
}

const shows = (selector: string, wanted: string) =>
  page.locator(selector, { hasText: wanted }).first().waitFor();
const rows = () => page.locator("table.actors tbody tr");
const linkTo = (id: string) => `${url}#view=actors&${new URLSearchParams({ id })}`;
const active = (): Promise<(string | null)[]> =>
  page
    .locator(".diagram .state.active")
    .evaluateAll((states) => states.map((each) => each.getAttribute("data-state")));

const taken = (mark: "taken" | "last"): Promise<(string | null)[]> =>
  page
    .locator(`.diagram .edge.${mark}`)
    .evaluateAll((edges) => edges.map((each) => each.getAttribute("data-edge")));

/** A page that is not loaded yet, so that nothing of another one is in it. */
async function goto(address: string): Promise<void> {
  await page.goto("about:blank");
  await page.goto(address);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-actors-page-"));
  client = await new MongoClient(urlOf(database)).connect();
  browser = await openBrowser();
  const earlier = await createEngine({ client, database, machines: [old], log: silentLog });
  await earlier.start(old, { id: "o-of-0.9" });
  await until("the row", async () => (await earlier.list()).actors.length === 1);
  await earlier.close();
  engine = await createEngine({ client, database, machines: [order, trip], log: silentLog });
  for (let number = 1; number <= 55; number += 1) {
    await engine.start(order, { id: `o-${String(number).padStart(3, "0")}` });
  }
  await engine.start(order, { id: odd });
  await engine.start(trip, { id: "t-1" });
  await engine.send(order, "o-002", { type: "PAY" });
  await engine.send(order, "o-003", { type: "CANCEL" });
  await until("the list", async () => {
    const { actors } = await engine.list({ machine: "order", state: "gone" });
    return actors.length === 1 && (await engine.list()).actors.length === 58;
  });
  url = await serve("--engine-database", database, "--module", await writeModule(folder));
  page = await openPage(browser, complaints);
});
afterAll(async () => {
  await browser?.close();
  for (const server of servers) server.kill("SIGKILL");
  await Promise.all(servers.map(exited));
  await engine?.close();
  await client?.db(database).dropDatabase();
  await client?.close();
  await rm(folder, { recursive: true, force: true });
});

describe("the actors of an engine in a browser", () => {
  test("a database without a fleet: the list alone, in pages, with filters that the URL keeps", async () => {
    await page.goto(url);
    await rows().nth(49).waitFor();
    expect(await page.getByRole("navigation", { name: "Views" }).count()).toBe(0);
    expect(await rows().count()).toBe(50);
    await shows(".pages", "50 shown. There may be more.");
    await page.getByRole("link", { name: "Next actors" }).click();
    await shows(".pages", "8 shown.");
    expect(await page.locator(".pages").textContent()).not.toContain("more");
    expect(page.url()).toContain("#view=actors&after=o-050");
    await page.getByRole("link", { name: "From the beginning" }).click();
    await rows().nth(49).waitFor();

    expect(await page.getByLabel("State").isDisabled()).toBe(true);
    await page.getByLabel("Machine").selectOption("order");
    await page.getByLabel("State").fill("paid");
    // A new reading of the list does not take away what a person types. The second one follows the rendering of the first.
    for (const _ of [1, 2]) await page.waitForResponse(/api\/engine\/actors/);
    expect(await page.getByLabel("State").inputValue()).toBe("paid");
    await page.getByLabel("State").press("Enter");
    await shows(".pages", "1 shown.");
    await shows("table.actors", "o-002");
    expect(page.url()).toContain("machine=order&state=paid");
    await page.reload();
    await shows("table.actors", "o-002");
    await page.getByRole("link", { name: "busy" }).click();
    await shows(".pages", "1 shown.");
    expect(page.url()).toContain("machine=order&tag=busy");
    await page.getByLabel("Machine").selectOption("trip");
    await shows("table.actors", "t-1");
    await page.getByLabel("Status").selectOption("done");
    await shows(".pages", "No actor matches.");
    await goto(`${url}#view=actors&machine=odrer`);
    await shows(".notice", '"odrer" beside order, trip');
    await page.getByLabel("Machine").selectOption("");
    await rows().nth(49).waitFor();
    complaints.length = 0;
  });

  test("one actor as it moves: its chart, why, values and journal", async () => {
    await goto(`${url}#view=actors&machine=order`);
    await page.getByRole("link", { name: "o-001" }).click();
    await shows("#actor-title", "o-001");
    await page.locator(".diagram .state.active").waitFor();
    expect(await active()).toEqual(["open"]);
    await shows(".answer", "it moves by an event, or by its timer after 1 d");
    await shows(".answer", "BREAK, CANCEL, PAY");
    await shows(".answer", `process ${process.pid}`);
    await shows(".value", "customer: 'Ada'");
    expect(await page.locator("#actor-news").textContent()).toBe("");
    await engine.send(order, "o-001", { type: "PAY", by: "card" } as any);
    await shows("#actor-news", "o-001: paid");
    expect(await active()).toEqual(["paid"]);
    expect(await page.locator(".diagram .arrow.taken.last").count()).toBe(1);
    await shows("table.journal tbody tr:first-child", "PAY");
    await page.locator("table.journal summary").first().click();
    await shows("table.journal .value", "by: 'card'");
    await page.locator("table.journal summary").first().click();
    await page.getByRole("button", { name: "All edges" }).click();
    await page.locator('.diagram [data-edge="paid REFUND -> open"]').waitFor();
    expect(await active()).toEqual(["paid"]);
    expect([await taken("taken"), await taken("last")]).toEqual([
      ["open PAY -> paid"],
      ["open PAY -> paid"],
    ]);
    // The picture in docs/dashboard.md: `LOCKSTEP_SCREENSHOTS=yes npx vitest run test/dashboard/actors/browser.test.ts`.
    if (process.env["LOCKSTEP_SCREENSHOTS"]) {
      await page.screenshot({ path: "docs/actors.png", fullPage: true });
    }
    await page.getByText("The diagram as a list").click();
    await shows(".twin li[aria-current]", "paid, active now");
    await shows(".twin li", "open, passed");
    await shows(".twin", "Edges taken: open PAY -> paid.");

    for (let count = 0; count < 22; count += 1) {
      await engine.send(order, "o-001", { type: `NO-${count}` } as any);
    }
    await shows("table.journal tbody tr:first-child", "NO-21");
    const seen: string[] = [];
    for (const isLast of [false, true]) {
      await page
        .locator("table.journal tbody tr")
        .nth(isLast ? 3 : 19)
        .waitFor();
      seen.push(...(await page.locator("table.journal code").allTextContents()));
      const earlier = page.getByRole("link", { name: "Earlier transitions" });
      expect(await earlier.count()).toBe(isLast ? 0 : 1);
      if (isLast) break;
      const before = page.url();
      await earlier.click();
      await until("the earlier page", async () => page.url() !== before);
      await until("its rows", async () => {
        const [first = ""] = await page.locator("table.journal code").allTextContents();
        return first !== "" && !seen.includes(first);
      });
    }
    expect(seen.slice(0, 22)).toEqual(Array.from({ length: 22 }, (_, at) => `NO-${21 - at}`));
    expect(seen.slice(22)).toEqual(["PAY", "lockstep.created"]);
    await page.getByRole("link", { name: "← All actors" }).click();
    await rows().first().waitFor();
    expect(page.url()).toContain("machine=order");
  });

  test("several states at once, and an id with every odd character", async () => {
    await goto(linkTo("t-1"));
    await page.locator(".diagram .state.active").nth(3).waitFor();
    expect(await active()).toEqual(["car", "hotel", "car.none", "hotel.none"]);
    await engine.send(trip, "t-1", { type: "HOTEL" });
    await until("the new states", async () => (await active()).includes("hotel.booked.in"));
    await shows(".journal", "car.none, hotel.booked.in");
    await page.setViewportSize({ width: 390, height: 900 });
    await goto(linkTo("t-1"));
    await page.locator(".diagram .state.active").nth(3).waitFor();
    expect(await isActiveSeen(page)).toBe(true);
    await page.setViewportSize({ width: 1_280, height: 900 });
    await goto(`${url}#view=actors&machine=order&after=o-055`);
    await page.locator("table.actors a", { hasText: "o/1?x" }).click();
    await shows("#actor-title", "o/1?x=%2F&y#z");
    expect(await page.locator("#actor-title").textContent()).toContain("\\u202e");
    await page.locator(".diagram .state.active").waitFor();
    await goto(`${url}#view=actors`);
    await page.getByLabel("Actor", { exact: true }).fill(odd);
    await page.keyboard.press("Enter");
    await shows("#actor-title", "o/1?x=%2F&y#z");
    expect(complaints).toEqual([]);
  });

  test("what cannot be shown is said: an unknown actor, a bad id, another version, a broken record", async () => {
    await goto(linkTo("o-999"));
    await shows(".notice", "unknown-actor");
    await goto(linkTo("x".repeat(501)));
    await shows(".notice", "expected an actor's id of 1 to 500 characters");
    await goto(linkTo("o-of-0.9"));
    await shows(".panel", 'The picture needs "order@0.9.0", and the module has order@1.0.0');
    await shows(".active-states", "open");
    await shows(".answer", 'expected the module to export "order@0.9.0" or a way from it');
    const journal = client
      .db(database)
      .collection<{ _id: object; tags: unknown }>("lockstep_journal");
    const _id = { actor: "o-050", revision: 0 };
    await journal.updateOne({ _id }, { $set: { tags: 7 } });
    await goto(linkTo("o-050"));
    await shows(".notice", "record-broken");
    complaints.length = 0;
  });

  test("an event: only with the token, after a question, once, and for the actor as it was shown", async () => {
    await goto(linkTo("o-010"));
    await shows(".answer", "To send one, enter the token of this dashboard first.");
    await page.getByRole("button", { name: "Read-only" }).press("Enter");
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    const open = page.getByRole("button", { name: "Send an event …" });
    await open.press("Enter");
    expect(await violationsOf(page)).toEqual([]);
    const event = page.getByLabel("The event, as JSON");
    const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
    await event.fill("{type:PAY}");
    await press("Continue");
    await shows("dialog .why", "This is no JSON");
    await event.fill('{"to":"PAY"}');
    await press("Continue");
    await shows("dialog .why", "An event has a type");
    await press("BREAK");
    await press("Continue");
    await shows("dialog", `o-010 in "${database}" (order 1.0.0, in open) gets this event.`);
    expect(await violationsOf(page)).toEqual([]);
    await press("Send the event");
    await shows("#sent.why", "rejected: o-010 stays in open, revision 1: event-rejected");
    await shows("table.journal", "the guard is broken");

    await open.click();
    await event.fill(`{"type":"PAY","note":"${"x".repeat(300_000)}"}`);
    await press("Continue");
    await press("Send the event");
    await shows("dialog .why", "expected a request of at most 262144 bytes");
    await press("Back");
    await press("PAY");
    await press("Continue");
    await engine.send(order, "o-010", { type: "CANCEL" });
    await press("Send the event");
    await shows("dialog .why", 'expected "o-010" in open (active, 1.0.0), as the page showed it');
    expect((await engine.history("o-010")).map((each) => each.event.type)).not.toContain("PAY");
    await page.keyboard.press("Escape");
    await shows(".answer", "It has ended, and takes no event.");

    await goto(linkTo("o-011"));
    await open.click();
    await press("PAY");
    await press("Continue");
    await press("Send the event");
    await shows("#sent", "applied: o-011 is in paid, revision 1");
    await until("the picture", async () => (await active()).includes("paid"));
    complaints.length = 0;
  });

  test("beside a fleet: links lead between the two, and each keeps its place", async () => {
    const fleet: Partial<FleetClient> = {
      async *watch({ signal } = {}) {
        yield statusWith({ upgrade: null });
        await new Promise((resolve) => signal?.addEventListener("abort", resolve));
      },
      history: async () => [],
    };
    const store = createMongoEngineStore({
      ...{ client, databaseName: database, clock: systemClock, faultPoints: noFaults },
      log: silentLog,
    });
    const { signal } = new AbortController();
    const reading = { store, database, signal, log: silentLog, notices: [] };
    const dashboard = await startDashboard({
      ...{ fleet: fleet as FleetClient, name: "things", databaseName: "things" },
      actors: createActorsClient(reading, client, null),
      pageDirectory: resolve("dist/src/dashboard/page"),
    });
    onTestFinished(async () => {
      await dashboard.close();
      await store.close();
    });
    onTestFinished(async () => void (await page.goto("about:blank")));
    await goto(dashboard.url);
    await shows(".hero h2", "No upgrade yet");
    const views = page.getByRole("navigation", { name: "Views" });
    await views.getByRole("link", { name: "Actors" }).press("Enter");
    await rows().nth(49).waitFor();
    await page.getByLabel("Machine").selectOption("trip");
    await page.getByRole("link", { name: "t-1" }).click();
    await shows("#actor-title", "t-1");
    await until("the title", async () => (await page.title()) === `t-1 · ${database} · Lockstep`);
    await views.getByRole("link", { name: "Fleet" }).click();
    await shows(".hero h2", "No upgrade yet");
    await page.goBack();
    await shows("#actor-title", "t-1");
    expect(await views.getByRole("link", { name: "Actors" }).getAttribute("aria-current")).toBe(
      "page",
    );
    await page.goBack();
    await shows("table.actors", "t-1");
    await expectFitting(page, "beside a fleet");
    await page.setViewportSize({ width: 1_280, height: 900 });
    expect(complaints).toEqual([]);
  });

  test("without a module: the states in words, and no event", async () => {
    const other = await serve("--engine-database", database);
    await goto(`${other}#view=actors&id=o-002`);
    await shows(".active-states", "paid");
    await shows(".panel", "with --module of `lockstep serve`");
    await shows(".answer", "only an event can move it");
    await shows(".answer", "not known without the machine: name its module with --module");
    expect(await page.getByRole("button", { name: "Send an event" }).count()).toBe(0);
  });

  test("axe finds nothing in both themes, and nothing is wider than the screen", async () => {
    for (const [name, address] of [
      ["list", `${url}#view=actors&machine=order`],
      ["odd", linkTo(odd)],
      ["old", linkTo("o-of-0.9")],
    ] as const) {
      await goto(address);
      await page.locator("table tbody tr").first().waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await expectFitting(page, name);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    onTestFinished(() => page.setViewportSize({ width: 1_280, height: 900 }));
    expect(complaints).toEqual([]);
  });
});
