import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono, MiddlewareHandler } from "hono";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import type { ActorsClient } from "../../operator/actors/actors-client.ts";
import { sentWords } from "../../operator/actors/texts/words.ts";
import type { Clock } from "../../ports/clock.ts";
import { createDiagrams } from "../diagrams.ts";
import { actorsQueryOf, beforeOf, readEventRequest, requireSeen } from "./requests.ts";
import { createSharedReadings } from "./shared-readings.ts";
import { actorsViewOf, actorViewOf, sentOf } from "./view.ts";

export interface ActorRoutes {
  readonly actors: ActorsClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Lets only requests with the token pass, of at most so many bytes. */
  acting(bytesMax: number): [MiddlewareHandler, MiddlewareHandler];
}

/**
 * The paths of the actors of an engine. An id stands in the query: in a path, a dot or a slash of it would mean something
 * else.
 */
export function addActors(
  application: Hono<{ Bindings: HttpBindings }>,
  { actors, clock, log, acting }: ActorRoutes,
): void {
  const readings = createSharedReadings(clock);
  const draw = createDiagrams();
  const queried = (context: Context) => (name: string) => context.req.query(name);
  const idOf = (context: Context) => context.req.query("id") ?? "";

  application.get("/api/engine/actors", async (context) => {
    const query = actorsQueryOf(queried(context));
    const view = await readings.ask(`list ${JSON.stringify(query)}`, async () =>
      actorsViewOf(await actors.list(query), query.machine, actors),
    );
    return context.json(view);
  });
  application.get("/api/engine/actor", async (context) => {
    const id = idOf(context);
    const view = await readings.ask(`actor ${id}`, async () =>
      actorViewOf(await actors.look(id), actors),
    );
    return context.json(view);
  });
  application.get("/api/engine/journal", async (context) => {
    const [id, before] = [idOf(context), beforeOf(queried(context))];
    const key = `journal ${before} ${id}`;
    const page = await readings.ask(key, async () => sentOf(await actors.journal(id, before)));
    return context.json(page);
  });
  application.get("/api/engine/diagram", async (context) => {
    const { machine = "", version = "", form } = context.req.query();
    const chart = actors.chart(machine, version);
    if (chart === null) return context.notFound();
    const svg = await draw(`${machine}@${version}`, chart, form === "brief");
    return context.body(svg, 200, { "Content-Type": "image/svg+xml" });
  });
  application.post(
    "/api/engine/events",
    ...acting(limits.dashboardEventBytesMax),
    async (context) => {
      const { seen, ...event } = readEventRequest(await context.req.json().catch(() => null));
      const sent = await actors.send(event, async (receiver) => requireSeen(receiver, seen));
      const { outcome, state, revision } = sent;
      log.info(
        { actor: event.id, event: event.event.type, outcome, revision },
        "an event of the page was sent",
      );
      return context.json({ outcome, state, message: sentWords(sent) });
    },
  );
}
