// Aim: an application that is written as the documents show it has drained though a load balancer sends one request after
// the other on connections that stay open. Node's server goes on to serve those. Method: the samples in processes of their
// own, with an agent and a driver that only look like them.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../src/local/mongod-process.ts";
import { exited, startProcess } from "../../src/ports/process.ts";
import { samplesOf } from "./samples.ts";

const lockstep = `
export const defineSteps = (steps) => steps;
export const createAgent = ({ gate }) => ({
  async start() {
    await gate.onOpen();
    process.once("message", async () => {
      process.send("shutting");
      await gate.onShut({});
      process.send("drained", () => process.exit());
    });
    process.send("open");
  },
});
`;
const mongodb = `
const products = { findOne: async () => ({ price: {} }) };
export class MongoClient {
  db() {
    return { collection: () => products };
  }
}
`;

async function folderWith(main: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-draining-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  for (const [name, text] of Object.entries({ lockstep, mongodb })) {
    await mkdir(join(folder, "node_modules", name), { recursive: true });
    const manifest = { name, type: "module", exports: "./index.js" };
    await writeFile(join(folder, "node_modules", name, "package.json"), JSON.stringify(manifest));
    await writeFile(join(folder, "node_modules", name, "index.js"), text);
  }
  await writeFile(join(folder, "steps.js"), "export const steps = [];");
  await copyFile("LICENSE", join(folder, "greeting.txt"));
  await writeFile(join(folder, "main.js"), main);
  return folder;
}

const fromPage = async (page: string) =>
  (await samplesOf(page)).find((sample) => sample.includes("createServer(")) ?? "";
const shop = (version: string) => readFile(`examples/shop/releases/${version}/main.js`, "utf8");

/** More answers than a server gives that ends each connection with the next one. */
const answersMax = 1_000;

test.each([
  ["the README", () => fromPage("README.md")],
  ["the guide", () => fromPage("docs/guide.md")],
  ["the first release of the shop", () => shop("1.0.0")],
  ["the second release of the shop", () => shop("1.1.0")],
])("%s", async (_what, sample) => {
  const folder = await folderWith(await sample());
  const port = await freePort();
  const ports = { PORT: String(port), SHOP_PORT: String(port) };
  const child = startProcess(process.execPath, ["main.js"], {
    ...{ cwd: folder, stdio: ["ignore", "ignore", "inherit", "ipc"] },
    env: { ...process.env, ...ports, LOCKSTEP_DATA_DIRECTORY: folder },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const told: unknown[] = [];
  const opened = new Promise((resolve) => child.once("message", resolve));
  child.on("message", (message) => told.push(message));
  expect(await opened).toBe("open");

  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  onTestFinished(() => agent.destroy());
  /** True for an answer. */
  const asked = () =>
    new Promise<boolean>((resolve) => {
      const request = get({ host: "127.0.0.1", port, agent }, (response) => {
        response.resume().once("close", () => resolve(true));
      });
      request.once("error", () => resolve(false));
    });
  let isShut = false;
  let answers = 0;
  const asking = Array.from({ length: 8 }, async () => {
    while (!told.includes("drained") && answers < answersMax && (await asked())) {
      if (told.includes("shutting")) answers += 1;
      if (!isShut) child.send("shut");
      isShut = true;
    }
  });
  await Promise.all(asking);
  expect(answers).toBeLessThan(answersMax);
  await exited(child);
  expect(told).toEqual(["open", "shutting", "drained"]);
});
