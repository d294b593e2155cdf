// A web service for the tables of a restaurant: a reservation is held for a while, and has to be confirmed.
// Start as many copies as you like: each of them serves every reservation.
import { createServer, type IncomingMessage } from "node:http";
import { createEngine, durable, isLockstepError } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;
const { PORT = "8080", HOLD_MS = "900000" } = process.env;

const reservation = durable(
  setup({
    types: {
      input: {} as { name: string; holdMs: number },
      context: {} as { name: string; holdMs: number },
      events: {} as { type: "CONFIRM" } | { type: "CANCEL" },
    },
    delays: { hold: ({ context }) => context.holdMs },
  }).createMachine({
    context: ({ input }) => input,
    initial: "held",
    states: {
      held: { on: { CONFIRM: "confirmed", CANCEL: "cancelled" }, after: { hold: "expired" } },
      confirmed: { on: { CANCEL: "cancelled" } },
      cancelled: { type: "final" },
      expired: { type: "final" },
    },
  }),
  { name: "reservation", version: "1.0.0" },
);

const client = await new MongoClient(MONGO_URL).connect();
const engine = await createEngine({ client, database: DATABASE, machines: [reservation] });

async function answer({ method, url = "/", headers }: IncomingMessage): Promise<unknown> {
  const { pathname, searchParams } = new URL(url, "http://service");
  const [, id = "", verb] = pathname.split("/");
  // A client that got no answer asks again with the same key, and gets the same reservation.
  const asked = headers["idempotency-key"];
  const key = typeof asked === "string" ? { key: asked } : {};
  if (method === "POST" && id === "") {
    const input = { name: searchParams.get("name") ?? "", holdMs: Number(HOLD_MS) };
    return { id: await engine.start(reservation, { input, ...key }) };
  }
  if (method === "POST" && verb === "confirm") {
    return await engine.send(reservation, id, { type: "CONFIRM" }, key);
  }
  if (method === "POST" && verb === "cancel") {
    return await engine.send(reservation, id, { type: "CANCEL" }, key);
  }
  if (id !== "")
    return { ...(await engine.get(reservation, id)).context, ...(await engine.why(id)) };
  // Beside the machine itself, only its own states compile. A text that a caller chose stands beside its name.
  return await engine.list({
    machine: reservation.name,
    state: searchParams.get("state") ?? "held",
  });
}

const server = createServer(async (request, response) => {
  try {
    response.end(`${JSON.stringify(await answer(request))}\n`);
  } catch (error) {
    response.writeHead(isLockstepError(error, "unknown-actor") ? 404 : 500).end(`${error}\n`);
  }
}).listen(Number(PORT));

process.once("SIGTERM", async () => {
  server.close();
  await engine.close(); // its work goes to the other copies at once
  await client.close();
});
