// Aim: the dashboard's server gives nothing to other sites, acts only with its token, and has bounds. Method: the
// application by itself, and on a socket with clients that open many streams or read nothing.
import { connect } from "node:net";
import { resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createApplication } from "../../src/dashboard/application.ts";
import { createFeed } from "../../src/dashboard/feed.ts";
import { startDashboard } from "../../src/dashboard/serve.ts";
import { LockstepError } from "../../src/errors.ts";
import type { FleetClient, FleetRequest, FleetStatus } from "../../src/index.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { until } from "../support/until.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { filmWith } from "./film.ts";
import { agentWith, at, explanation, statusWith, things, upgradeWith } from "./fleet-status.ts";

const token = "0123456789abcdef";

interface Staging {
  readonly token?: string | null;
  readonly status?: FleetStatus | Promise<FleetStatus>;
  readonly clock?: ReturnType<typeof createVirtualClock>;
}

function stage(options: Staging = {}) {
  const asked: FleetRequest[] = [];
  const fleet = {
    status: async () => options.status ?? statusWith(),
    async request(request: FleetRequest) {
      asked.push(request);
      return { ok: true as const, upgradeId: "u000002", message: "accepted" };
    },
    film: async () => filmWith({ upgrade: ["waiting"] }),
    explain: async () => explanation,
    async *watch() {},
    history: async () => [],
  };
  const feed = createFeed({ fleet, of: things, clock: createVirtualClock(), instance: "i" });
  onTestFinished(() => feed.close());
  const page = new Map([["/index.html", { type: "text/html", bytes: new Uint8Array([60]) }]]);
  const application = createApplication({
    ...{ fleet, feed, page, databaseName: "things", allowedHosts: [], log: silentLog },
    ...{ actors: null, clock: options.clock ?? createVirtualClock() },
    metrics: async () => ({ type: "text/plain", text: "m 1" }),
    token: options.token === undefined ? token : options.token,
  });
  const get = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    application.request(path, { headers: { host: "127.0.0.1", ...headers } });
  const post = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    application.request("/api/requests", {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { host: "127.0.0.1", authorization: `Bearer ${token}`, ...headers },
    });
  return { get, post, asked };
}

test("the page may run and reach nothing but its own files and server", async () => {
  const { get } = stage();
  for (const path of ["/", "/api/rights", "/no-such-path", "/api/../etc/passwd"]) {
    const { headers } = await get(path);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toMatch(/unsafe|data:|https?:/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
  expect((await get("/")).status).toBe(200);
  expect((await get("/no-such-path")).status).toBe(404);
});

test("a name that is not its own gets nothing, on any path", async () => {
  const { get } = stage();
  for (const path of ["/", "/api/stream", "/metrics", "/healthz"]) {
    const refused = await get(path, { host: "evil.example" });
    expect([path, refused.status]).toEqual([path, 403]);
  }
});

test("acts only with the token, and for the upgrade that the person saw", async () => {
  const { post, asked } = stage();
  const abort = { kind: "abort", upgradeId: "u000002", why: " too slow " };
  expect((await post(abort, { authorization: "" })).status).toBe(401);
  expect((await post(abort, { authorization: "Bearer fedcba9876543210" })).status).toBe(403);
  expect((await post(abort, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await post({ ...abort, upgradeId: "u000001" })).status).toBe(409);
  expect((await post({ kind: "allow-everything" })).status).toBe(400);
  expect((await post("no JSON")).status).toBe(400);
  expect((await post({ ...abort, why: "x".repeat(limits.dashboardBodyBytesMax) })).status).toBe(
    413,
  );
  expect(asked).toEqual([]);
  const accepted = await post(abort);
  expect([accepted.status, await accepted.json()]).toEqual([200, { message: "accepted" }]);
  expect(asked).toEqual([{ kind: "abort", why: "too slow" }]);
});

test("a pause and its end are asked for the upgrade that the person saw", async () => {
  const { post, asked } = stage();
  const pause = { kind: "pause", upgradeId: "u000002", why: " a look " };
  expect((await post(pause, { authorization: "" })).status).toBe(401);
  expect((await post({ ...pause, upgradeId: "u000001" })).status).toBe(409);
  expect((await post(pause)).status).toBe(200);
  expect((await post({ kind: "resume", upgradeId: "u000001" })).status).toBe(409);
  expect((await post({ kind: "resume", upgradeId: "u000002" })).status).toBe(200);
  expect(asked).toEqual([{ kind: "pause", why: "a look" }, { kind: "resume" }]);
});

test("without a token it is read-only, and says so", async () => {
  const { get, post, asked } = stage({ token: null });
  const refused = await post({ kind: "abort", upgradeId: "u000002" });
  expect([refused.status, asked]).toEqual([403, []]);
  expect(await refused.json()).toMatchObject({ message: expect.stringContaining("read-only") });
  expect(await (await get("/api/rights")).json()).toMatchObject({ mayAct: false });
});

test("a retry that takes back what others wrote needs the database's name, and a forget that of its agent", async () => {
  const reason = { code: "foreign-writes", message: "others wrote", details: {} };
  const upgrade = upgradeWith({ state: "blocked", reason });
  const { post, asked } = stage({ status: statusWith({ upgrade }) });
  const retry = { kind: "retry", upgradeId: "u000002" };
  expect((await post(retry)).status).toBe(400);
  expect((await post({ ...retry, confirm: "other" })).status).toBe(400);
  expect((await post({ ...retry, confirm: "things" })).status).toBe(200);
  expect((await post({ kind: "forget", agent: "a3", confirm: "a2" })).status).toBe(400);
  expect((await post({ kind: "forget", agent: "a3", confirm: "a3" })).status).toBe(200);
  expect(asked).toEqual([
    { kind: "retry", discardForeignWrites: true },
    { kind: "forget", agent: "a3" },
  ]);
});

test("probes, and the probe of one agent for a load balancer", async () => {
  const agents = [
    agentWith(),
    agentWith({ agent: "a2", gate: "shut" }),
    agentWith({ agent: "a3", silent: true }),
    // An agent drains with its gate still open.
    agentWith({ agent: "a4", drainingSince: at }),
  ];
  const { get } = stage({ status: statusWith({ agents }) });
  expect(await (await get("/metrics")).text()).toBe("m 1");
  const answers = ["/healthz", "/readyz", "/readyz?agent=a1", "/readyz?agent=a2"];
  const asked = [...answers, ...["a3", "a4", "%3Cb%3E"].map((agent) => `/readyz?agent=${agent}`)];
  const found = await Promise.all(
    asked.map(async (path) => {
      const answer = await get(path);
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    }),
  );
  expect(found).toEqual([
    ...[200, 200, 200].map((status) => [status, undefined]),
    ...["gate-shut", "silent", "draining", "unknown-agent"].map((code) => [503, code]),
  ]);
});

test("a database that does not answer: the probe says so while a load balancer still waits", async () => {
  const clock = createVirtualClock();
  const never = new Promise<never>(() => {});
  const { get } = stage({ clock, status: never });
  const answer = get("/readyz");
  await clock.advance(limits.readyWaitMs);
  const found = await answer;
  expect([found.status, await found.json()]).toMatchObject([503, { code: "database-unreachable" }]);
});

/** A server on a socket whose agents change all the time. */
async function serving(agentsOnce: number) {
  let number = 0;
  const large = "x".repeat(1_000);
  const status = () => {
    const agents = Array.from({ length: agentsOnce }, (_, index) => ({
      ...(statusWith().agents[0] as FleetStatus["agents"][number]),
      ...{ agent: `a${index}`, host: `${number}${large}` },
    }));
    number += 1;
    return statusWith({ agents });
  };
  const fleet: Partial<FleetClient> = {
    status: async () => {
      throw new LockstepError("database-unreachable", "no answer from mongodb://u:p@h");
    },
    async *watch({ signal } = {}) {
      while (!signal?.aborted) {
        yield status();
      }
    },
    history: async () => [],
    film: async () => filmWith({}),
    explain: async () => explanation,
  };
  const dashboard = await startDashboard({
    ...{ fleet: fleet as FleetClient, name: "things", databaseName: "things" },
    pageDirectory: resolve("dist/src/dashboard/page"),
  });
  onTestFinished(() => dashboard.close());
  return { url: dashboard.url };
}

test("many streams: the rest are refused with a reason, and a place becomes free again", async () => {
  const { url } = await serving(1);
  const open = () => {
    const abort = new AbortController();
    return fetch(`${url}api/stream`, { signal: abort.signal }).then((response) => ({
      ...{ response, leave: () => abort.abort() },
    }));
  };
  const all = await Promise.all(Array.from({ length: 1_000 }, open));
  const refused = all.filter(({ response }) => response.status === 503);
  expect(refused.length).toBe(1_000 - limits.dashboardStreamsMax);
  expect(await refused[0]?.response.json()).toMatchObject({ code: "too-many-requests" });
  expect(refused[0]?.response.headers.get("retry-after")).toBe("5");
  for (const { leave } of all) leave();
  await until("a free place", async () => {
    const { response, leave } = await open();
    leave();
    return response.status === 200;
  });
});

test("a request without a body takes no place among the streams", async () => {
  const { url } = await serving(1);
  for (let place = 0; place <= limits.dashboardStreamsMax; place += 1) {
    const { status, headers } = await fetch(`${url}api/stream`, { method: "HEAD" });
    expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    // A proxy gathers no frames then.
    expect(headers.get("x-accel-buffering")).toBe("no");
  }
});

test("a client that never reads is dropped at the bound", async () => {
  const { url } = await serving(2_000);
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.pause();
  socket.write(`GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  let closed = false;
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", () => {});
  const reader = await fetch(`${url}api/stream`);
  let bytes = 0;
  const reading = (async () => {
    for await (const chunk of reader.body ?? []) {
      bytes += chunk.length;
      if (bytes > 6 * limits.dashboardUnreadBytesMax) return;
    }
  })();
  await reading;
  // Only a socket that is read sees its end.
  socket.resume();
  await until("the end of the connection", () => closed);
});

test("the database is away: the probe says so, without a secret", async () => {
  const { url } = await serving(1);
  const answer = await fetch(`${url}readyz`);
  expect([answer.status, await answer.json()]).toEqual([
    503,
    { ok: false, code: "database-unreachable", message: "no answer from mongodb://***@h" },
  ]);
});

test("a port that is taken, and a token that is short", async () => {
  const { url } = await serving(1);
  const options = { fleet: {} as FleetClient, name: "things", databaseName: "things" };
  const pageDirectory = resolve("dist/src/dashboard/page");
  const port = Number(new URL(url).port);
  const code = (code: string) => expect.objectContaining({ code });
  await expect(startDashboard({ ...options, port, pageDirectory })).rejects.toEqual(
    code("bad-argument"),
  );
  await expect(startDashboard({ ...options, token: "short" })).rejects.toEqual(
    code("bad-argument"),
  );
  await expect(startDashboard({ ...options, pageDirectory: "/nowhere" })).rejects.toEqual(
    code("file-trouble"),
  );
});
