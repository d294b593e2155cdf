// Aim: webpack in its production mode bundles an agent: it copied the module of the page's thread beside the bundle, and its
// minimizer refused that copy. Method: webpack itself on the installed package; the bundle runs in a folder without packages.
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freshDatabaseName, urlOf } from "../support/database.ts";
import { installPacked, ranIn } from "../support/packed.ts";

const agent = `
import { createAgent } from "lockstep";
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const mongoUrl = ${JSON.stringify(urlOf(freshDatabaseName()))};
const common = { agent: "a1", version: "1.0.0", steps: [], dataDirectory: "a1", initialize: true };
const agent = createAgent({ ...common, mongoUrl, log });
agent.start().then(() => agent.stop()).then(() => console.log("started and stopped"));
`;
const bundling = `
import { resolve } from "node:path";
import webpack from "webpack";
const output = { path: resolve("bundle"), filename: "main.cjs" };
webpack({ mode: "production", target: "node20", entry: "./agent.js", output }, (error, stats) => {
  console.log(error ?? stats.toString({ all: false, errors: true }));
  process.exitCode = error || stats.hasErrors() ? 1 : 0;
});
`;

test("webpack bundles an agent for production", async () => {
  const installed = await installPacked("mongodb@7.0.0", "xstate@5.31.0", "webpack@5.113.0");
  onTestFinished(() => installed.remove());
  await writeFile(join(installed.folder, "agent.js"), agent);
  await writeFile(join(installed.folder, "bundle.js"), bundling);
  await ranIn(installed.folder, process.execPath, "bundle.js");
  const elsewhere = await mkdtemp(join(tmpdir(), "lockstep-webpack-"));
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  await cp(join(installed.folder, "bundle"), elsewhere, { recursive: true });
  expect(await ranIn(elsewhere, process.execPath, "main.cjs")).toBe("started and stopped\n");
});
