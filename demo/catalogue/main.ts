import { createServer } from "node:http";
import { MongoClient } from "mongodb";
import { createAgent, createLog, isLockstepError } from "../../src/index.ts";
import { stepsOf } from "./steps.ts";

/**
 * The catalogue application, at the version that the launcher names: a state server that
 * answers HTTP only while its gate is open.
 */
const environment = process.env;
const version = environment["LOCKSTEP_VERSION"] ?? "1.0.0";
const mongoUrl = environment["CATALOGUE_MONGO_URL"] ?? "";
const agentName = environment["CATALOGUE_AGENT"] ?? "";
const port = Number(environment["CATALOGUE_PORT"]);

if (environment["CATALOGUE_BROKEN"] === version) {
  // This build cannot start on this host: it hangs before it reports anything.
  await new Promise((resolve) => {
    process.once("disconnect", () => resolve(undefined));
  });
  process.exit(1);
}

const client = new MongoClient(mongoUrl, { appName: "catalogue" });
const server = createServer((request, response) => {
  void client
    .db()
    .collection("movies")
    .estimatedDocumentCount()
    .then(
      (films) => {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ version, agent: agentName, films, path: request.url }));
      },
      () => {
        response.statusCode = 503;
        response.end();
      },
    );
});

const log = createLog({});
const agent = createAgent({
  mongoUrl,
  agent: agentName,
  version,
  steps: stepsOf(version),
  ...(environment["CATALOGUE_MEMBER_URL"]
    ? { memberUrl: environment["CATALOGUE_MEMBER_URL"] }
    : {}),
  log,
  async readiness({ database }) {
    // 1.2.2 is the first version that asks another service for the films' posters.
    if (version === "1.2.2" && !environment["CATALOGUE_KEY"]) {
      throw new Error("CATALOGUE_KEY is not set");
    }
    if ((await database?.count("movies")) === 0) throw new Error("there are no films");
  },
  gate: {
    onOpen: () =>
      new Promise((resolve) => {
        server.listen(port, "127.0.0.1", () => resolve());
      }),
    onShut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  },
});

const end = (exitCode: number) => {
  void agent.stop().finally(() => process.exit(exitCode));
};
process.once("SIGTERM", () => end(0));
process.once("SIGINT", () => end(0));
// A child must not outlive its launcher.
process.once("disconnect", () => end(0));

try {
  await agent.start();
} catch (error) {
  log.error({ code: isLockstepError(error) ? error.code : "failed" }, String(error));
  process.exit(1);
}
