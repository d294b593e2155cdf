import type { TestProject } from "vitest/node";
import { findMongod } from "../../src/local/find-mongod.ts";
import { startReplicaSet } from "../../src/local/replica-set.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** URL of the shared replica set, without a database. */
    mongoUrl: string;
    /** Direct URLs of its members. */
    memberUrls: string[];
    mongodPath: string;
  }
}

/** One real replica set for the whole run. A missing mongod fails it, loudly. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mongod = await findMongod({
    environment: process.env,
    say: (text) => process.stderr.write(`${text}\n`),
  });
  const set = await startReplicaSet({ mongodPath: mongod.path });
  project.provide("mongoUrl", set.url());
  project.provide(
    "memberUrls",
    set.members.map(({ directUrl }) => directUrl),
  );
  project.provide("mongodPath", mongod.path);
  return () => set.stop();
}
