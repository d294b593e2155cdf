// Serves and runs workflows of Vercel's Workflow on its MongoDB world, and answers with their steps per second. Needs Node 22.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { MongoClient } from "mongodb";
import { inParallel } from "../../dist/bench/in-parallel.js";

const { url, runs, steps, atOnce, concurrency } = JSON.parse(process.argv[2]);

Object.assign(process.env, {
  WORKFLOW_TARGET_WORLD: "@workflow-worlds/mongodb",
  WORKFLOW_MONGODB_URI: url,
  WORKFLOW_CONCURRENCY: String(concurrency),
});
const require = createRequire(import.meta.url);
const { start } = await import("workflow/api");
const { getWorld } = await import("workflow/runtime");
const built = (name) => require(`./.well-known/workflow/v1/${name}`);
const handlers = { flow: built("flow.js").POST, step: built("step.js").POST };
const { workflowId } = built("manifest.json").workflows["workflows/steps.js"].flow;

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method, headers, url: path } = request;
  const body = Buffer.concat(chunks);
  const asked = new Request(`http://127.0.0.1${path}`, { method, headers, body });
  const answer = await handlers[path.split("/").at(-1)](asked);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
process.env.WORKFLOW_SERVICE_URL = `http://127.0.0.1:${server.address().port}`;
await getWorld().start();

const client = await new MongoClient(url).connect();
const ended = client.db("workflow").collection("runs");
/** Runs so many workflows, and waits until `total` have ended. */
async function run(count, total) {
  await inParallel(count, atOnce, () => start({ workflowId }, [steps]));
  while ((await ended.countDocuments({ status: "completed" })) < total) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const warm = Math.ceil(runs / 10);
await run(warm, warm);
const startMs = performance.now();
await run(runs, warm + runs);
const perSecond = (runs * steps) / ((performance.now() - startMs) / 1_000);
process.send({ perSecond }, () => process.exit(0));
