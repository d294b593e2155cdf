// The shop with prices in cents, and with the greeting of its host.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { createAgent } from "lockstep";
import { MongoClient } from "mongodb";
import { steps } from "./steps.js";

// The launcher sets the first three.
const {
  LOCKSTEP_MONGO_URL = "",
  LOCKSTEP_VERSION: version = "",
  LOCKSTEP_DATA_DIRECTORY = "",
  SHOP_AGENT = "",
  SHOP_PORT,
} = process.env;
const client = new MongoClient(LOCKSTEP_MONGO_URL);
const shop = client.db();
let greeting = "";

const server = createServer(async (request, response) => {
  // While it drains, a load balancer would send one request after the other on a connection that is open.
  if (!server.listening) response.setHeader("connection", "close");
  try {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://shop");
    const product = await shop.collection("products").findOne({ sku: searchParams.get("sku") });
    if (product === null) {
      response.writeHead(404).end("no such product\n");
    } else if (request.method === "POST" && pathname === "/orders") {
      await shop.collection("orders").insertOne({ product: product._id, at: new Date() });
      response.writeHead(201).end(`${version}: ordered a ${product.sku}\n`);
    } else {
      const { cents, currency } = product.price;
      response.end(
        `${version}: a ${product.sku} costs ${cents} cents (${currency}, ${greeting})\n`,
      );
    }
  } catch (error) {
    response.writeHead(503).end(`${error}\n`);
  }
});

const agent = createAgent({
  agent: SHOP_AGENT,
  version,
  steps,
  // Before the fleet commits to this release, each host tries whether it can serve.
  async readiness({ database }) {
    const unpriced = await database?.count("products", { "price.cents": { $exists: false } });
    if (unpriced) throw new Error(`${unpriced} products have no price in cents`);
  },
  gate: {
    async onOpen() {
      greeting = await readFile(join(LOCKSTEP_DATA_DIRECTORY, "greeting.txt"), "utf8");
      await new Promise((resolve) => server.listen(SHOP_PORT, () => resolve(null)));
    },
    onShut: () => new Promise((resolve) => server.close(() => resolve())),
  },
});
const end = () => agent.stop().finally(() => process.exit(0));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, end);
await agent.start().catch(({ code, message }) => {
  console.error(`${code}: ${message}`); // such as name-taken
  process.exit(1);
});
