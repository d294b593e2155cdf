// Aim: the page works under a path of a proxy, under a name, and without TLS. Method: a proxy that takes its path off,
// and a real Chromium, for which no such page is a secure context.
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDashboard } from "../../src/dashboard/serve.ts";
import type { FleetClient, FleetRequest, UpgradeStatus } from "../../src/index.ts";
import { filmText } from "../../src/operator/film/film-file.ts";
import { openPage } from "../support/browser.ts";
import { openBrowser } from "../support/open-browser.ts";
import { filmWith } from "./film.ts";
import { explanation, statusWith, upgradeWith } from "./fleet-status.ts";

const token = "0123456789abcdef";
const path = "/ops/lockstep";

/** Passes each request below the path on, with its Host header. */
async function startProxy(target: string): Promise<number> {
  const proxy = createServer((asked: IncomingMessage, answer: ServerResponse) => {
    if (!asked.url?.startsWith(`${path}/`)) return void answer.writeHead(404).end();
    const { method, headers } = asked;
    const url = new URL(asked.url.slice(path.length), target);
    const passed = request(url, { method, headers }, (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(answer);
    });
    asked.pipe(passed);
    answer.on("close", () => passed.destroy());
    return undefined;
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(async () => {
    proxy.closeAllConnections();
    await new Promise((closed) => proxy.close(closed));
  });
  return (proxy.address() as AddressInfo).port;
}

/** A fleet that migrates, with an earlier upgrade. */
function simulatedFleet(
  asked: FleetRequest[],
  upgrade: UpgradeStatus | null = upgradeWith({ upgradeId: "u000003" }),
): FleetClient {
  const status = statusWith({ upgrade });
  const past = { upgradeId: "u000002", from: "1.0.0", to: "1.1.0", restoreOf: null, state: "done" };
  const times = { startedAt: 1, endedAt: 2, states: [], downtime: { from: null, until: null } };
  return {
    async *watch({ signal }: { readonly signal: AbortSignal }) {
      yield status;
      await new Promise((ended) => signal.addEventListener("abort", ended));
    },
    status: async () => status,
    history: async () => [{ ...past, ...times, reason: null }],
    film: async (upgradeId: string) => filmWith({ upgrade: ["waiting", "done"] }, { upgradeId }),
    explain: async () => explanation,
    async request(request: FleetRequest) {
      asked.push(request);
      return { ok: true, upgradeId: "u000003", message: "accepted" };
    },
  } as unknown as FleetClient;
}

test("an exported file opens with its picture after the server has gone, also where no upgrade was ever shown", async () => {
  const film = filmWith({ upgrade: ["waiting", "migrating"], a1: ["waiting"] });
  const directory = await mkdtemp(join(tmpdir(), "lockstep-film-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "film.json");
  await writeFile(file, filmText(film));
  const dashboard = await startDashboard({
    ...{ fleet: simulatedFleet([], null), name: "things", databaseName: "things" },
    pageDirectory: resolve("dist/src/dashboard/page"),
  });
  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const page = await openPage(browser, []);
  const pictures = ["upgrade/brief", "upgrade/whole", "participant/brief", "participant/whole"].map(
    (name) => page.waitForResponse((response) => response.url().endsWith(`/api/diagrams/${name}`)),
  );
  await page.goto(dashboard.url);
  await Promise.all(pictures.map(async (response) => (await response).finished()));
  await dashboard.close();
  await page.locator(".connection", { hasText: "no connection" }).waitFor();
  await page.getByRole("button", { name: "Read-only" }).click();
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.locator("dialog .detail", { hasText: "found none: try again" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByLabel("Open a file").setInputFiles(file);
  await page.locator(".diagram .state.active", { hasText: "waiting" }).waitFor();
  await page.getByRole("button", { name: "a1", exact: true }).click();
  await page.locator(".timeline h3", { hasText: "The part of a1" }).waitFor();
  await page.locator('.diagram .state.active[data-state="waiting"]').waitFor();
});

test("behind a proxy, at a path, under a name and without TLS: the page follows, replays and acts", async () => {
  const [asked, complaints]: [FleetRequest[], string[]] = [[], []];
  const dashboard = await startDashboard({
    ...{ fleet: simulatedFleet(asked), name: "things", databaseName: "things", token },
    ...{ allowedHosts: ["fleet.example"], pageDirectory: resolve("dist/src/dashboard/page") },
  });
  onTestFinished(() => dashboard.close());
  const port = await startProxy(dashboard.url);
  const browser = await openBrowser();
  onTestFinished(() => browser.close());
  const page = await openPage(browser, complaints);
  await page.goto(`http://fleet.example:${port}${path}/`);
  expect(await page.evaluate("isSecureContext")).toBe(false);
  await page.locator(".connection", { hasText: "live" }).waitFor();

  await page.getByRole("button", { name: "Replay u000002" }).click();
  await page.locator("#timeline-title", { hasText: "Replay 1.0.0 → 1.1.0" }).waitFor();
  await page.locator(".diagram .state.active", { hasText: "waiting" }).waitFor();
  const exported = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export" }).click();
  const file = await (await exported).path();
  await page.getByLabel("Open a file").setInputFiles(file);
  await page.locator("#timeline-title", { hasText: "Replay of a file" }).waitFor();

  await page.getByRole("button", { name: "Read-only" }).click();
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Abort the upgrade …" }).click();
  await page.getByLabel("Reason, for the history").press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(asked).toMatchObject([{ kind: "abort" }]);
  // A browser says that a page without TLS cannot have this header.
  expect(complaints.filter((each) => !each.includes("Cross-Origin-Opener-Policy"))).toEqual([]);
});
