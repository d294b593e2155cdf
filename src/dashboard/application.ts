import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { secureHeaders } from "hono/secure-headers";
import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Log, redactUrl } from "../log.ts";
import type { ActorsClient } from "../operator/actors/actors-client.ts";
import { filmText } from "../operator/film/film-file.ts";
import { shippedCharts } from "../operator/film/project.ts";
import type { FleetClient } from "../operator/fleet-client.ts";
import type { FleetStatus } from "../operator/status.ts";
import { type Clock, inTime } from "../ports/clock.ts";
import { addActors } from "./actors/routes.ts";
import { createDiagrams } from "./diagrams.ts";
import type { Feed } from "./feed.ts";
import { eventStream } from "./http/event-stream.ts";
import { refusalOf, rightsRefusal } from "./http/guards.ts";
import { fleetRequestOf, readPageRequest } from "./http/requests.ts";
import type { MetricsAnswer } from "./metrics/metrics.ts";
import type { PageFile } from "./page-files.ts";

export interface ApplicationOptions {
  readonly fleet: Pick<FleetClient, "request" | "status" | "film">;
  readonly feed: Feed;
  /** Answers a scrape. */
  readonly metrics: () => Promise<MetricsAnswer>;
  readonly page: ReadonlyMap<string, PageFile>;
  /** The actors of the public engine, or null where none is shown. */
  readonly actors: ActorsClient | null;
  readonly clock: Clock;
  readonly databaseName: string;
  /** Gives the right to act, or null where nobody may. */
  readonly token: string | null;
  readonly allowedHosts: readonly string[];
  readonly log: Log;
}

type Application = Hono<{ Bindings: HttpBindings }>;

/** Nothing runs but the page's own files, and the page reaches nothing but its own server. */
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'"],
    fontSrc: ["'self'"],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: ["'none'"],
  },
  referrerPolicy: "no-referrer",
  strictTransportSecurity: false,
  xFrameOptions: "DENY",
});

const statusOfCode: Readonly<Partial<Record<string, 400 | 404 | 503>>> = {
  ...{ "no-upgrade": 404, "unknown-actor": 404, "machine-unknown": 404 },
  ...{ "too-many-requests": 503, "database-unreachable": 503, "bad-argument": 400 },
};

function answerError(context: Context, error: unknown): Response {
  const known = isLockstepError(error);
  const code = known ? error.code : "unexpected";
  const status = statusOfCode[code] ?? (known ? 409 : 500);
  if (status === 503) context.header("Retry-After", "5");
  return context.json({ code, message: redactUrl(messageOf(error)) }, status);
}

const bounded = (bytesMax: number) =>
  bodyLimit({
    maxSize: bytesMax,
    onError: (context) => {
      const message = `expected a request of at most ${bytesMax} bytes, found a larger one`;
      return context.json({ code: "bad-argument", message }, 413);
    },
  });

const refuse = (context: Context, status: 401 | 403, message: string) =>
  context.json({ code: "refused", message }, status);

/** Lets only requests with the token pass, of at most so many bytes. */
function actingWith(token: string | null) {
  const allowed: MiddlewareHandler = async (context, next) => {
    const refusal = rightsRefusal(context.req.header("authorization"), token);
    if (refusal) return refuse(context, refusal.status, refusal.message);
    await next();
    return undefined;
  };
  return (bytesMax: number): [MiddlewareHandler, MiddlewareHandler] => [allowed, bounded(bytesMax)];
}

/** The answers over HTTP. It has no socket of its own. */
export function createApplication(options: ApplicationOptions): Application {
  const { feed, page, token, allowedHosts, log, actors, clock } = options;
  const acting = actingWith(token);
  const application = new Hono<{ Bindings: HttpBindings }>();
  application.use(headers);
  application.use(async (context, next) => {
    const { method, path } = context.req;
    const header = (name: string) => context.req.header(name);
    const refusal = refusalOf({ method, path, header }, allowedHosts);
    if (refusal) return refuse(context, refusal.status, refusal.message);
    context.header("Cache-Control", "no-store");
    await next();
    return undefined;
  });
  application.onError((error, context) => {
    log.warn({ path: context.req.path, error: messageOf(error) }, "a request failed");
    return answerError(context, error);
  });
  application.notFound((context) =>
    context.json({ code: "not-found", message: "expected a path of the dashboard" }, 404),
  );

  application.get("/api/stream", (context) => {
    // A proxy that gathers the stream until its buffer is full would hold each frame back.
    const headers = { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" };
    // Nobody would read or end the stream of a HEAD, so it would keep its place for good.
    if (context.req.method === "HEAD") return context.body(null, 200, headers);
    const cut = () => void context.env.outgoing.destroy();
    const stream = eventStream(feed, context.req.header("last-event-id"), cut);
    return context.body(stream, 200, headers);
  });
  application.get("/api/rights", (context) => {
    const refusal = rightsRefusal(context.req.header("authorization"), token);
    return context.json({ mayAct: refusal === null, message: refusal?.message ?? "" });
  });
  application.post("/api/requests", ...acting(limits.dashboardBodyBytesMax), async (context) => {
    const asked = readPageRequest(await context.req.json().catch(() => null));
    const wanted = fleetRequestOf(asked, await options.fleet.status(), options.databaseName);
    const accepted = await options.fleet.request(wanted);
    log.info({ request: wanted.kind }, "a request of the page was accepted");
    return context.json({ message: accepted.message });
  });
  addPictures(application, options);
  if (actors !== null) addActors(application, { actors, clock, log, acting });
  addHealth(application, options);
  for (const [path, { type, bytes }] of page) {
    const serve = (context: Context) => context.body(bytes, 200, { "Content-Type": type });
    application.get(path, serve);
    if (path === "/index.html") application.get("/", serve);
  }
  return application;
}

/** True for a machine that this build ships. */
const isShipped = (name: string): name is keyof typeof shippedCharts =>
  Object.hasOwn(shippedCharts, name);

/** The past upgrades, and the diagrams of the machines. */
function addPictures(application: Application, { fleet }: ApplicationOptions): void {
  const draw = createDiagrams();
  application.get("/api/films/:upgradeId", async (context) => {
    const upgradeId = context.req.param("upgradeId");
    const text = filmText(await fleet.film(upgradeId));
    context.header("Content-Disposition", `attachment; filename="${upgradeId}.json"`);
    return context.body(text, 200, { "Content-Type": "application/json" });
  });
  application.get("/api/diagrams/:machine/:form", async (context) => {
    const { machine, form } = context.req.param();
    if (!isShipped(machine)) return context.notFound();
    const svg = await draw(machine, shippedCharts[machine], form === "brief");
    return context.body(svg, 200, { "Content-Type": "image/svg+xml" });
  });
}

/** Why an agent does not serve. Null: it serves, or nobody asks for one. */
function notReady(
  { agents }: FleetStatus,
  asked: string | undefined,
): { readonly code: string; readonly message: string } | null {
  if (asked === undefined) return null;
  const found = agents.find(({ agent }) => agent === asked);
  if (found === undefined) {
    return { code: "unknown-agent", message: "expected the name of an agent of this fleet" };
  }
  if (found.silent) return { code: "silent", message: "the agent is silent" };
  if (found.drainingSince !== null) return { code: "draining", message: "the agent drains" };
  if (found.gate === "open") return null;
  return { code: "gate-shut", message: "the gate of the agent is shut" };
}

/**
 * The fleet, in the time for which a probe waits.
 * @throws LockstepError `database-unreachable`, and what the fleet throws
 */
async function statusInTime({ fleet, clock }: ApplicationOptions): Promise<FleetStatus> {
  const status = await inTime(fleet.status(), limits.readyWaitMs, clock);
  if (status !== null) return status;
  throw new LockstepError(
    "database-unreachable",
    `expected an answer of the database in ${limits.readyWaitMs / 1_000} s, found none: look whether its set has a primary`,
  );
}

/** The paths for probes and for Prometheus. */
function addHealth(application: Application, options: ApplicationOptions): void {
  const { metrics } = options;
  application.get("/healthz", (context) => context.json({ ok: true }));
  application.get("/readyz", async (context) => {
    try {
      const status = await statusInTime(options);
      const why = notReady(status, context.req.query("agent"));
      return why === null ? context.json({ ok: true }) : context.json({ ok: false, ...why }, 503);
    } catch (error) {
      const code = isLockstepError(error) ? error.code : "unexpected";
      return context.json({ ok: false, code, message: redactUrl(messageOf(error)) }, 503);
    }
  });
  application.get("/metrics", async (context) => {
    const { type, text } = await metrics();
    return context.body(text, 200, { "Content-Type": type });
  });
}
