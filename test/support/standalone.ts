import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuard } from "../../src/local/guard.ts";
import { loopback, startMember } from "../../src/local/mongod-process.ts";

/** Starts one mongod that belongs to no set. */
export async function startStandalone(options: {
  mongodPath: string;
}): Promise<{ url(database?: string): string; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-one-"));
  const guard = startGuard(directory);
  const member = await startMember({
    name: "alone",
    place: loopback,
    mongodPath: options.mongodPath,
    directory,
    guard,
    arguments: [],
    urlOptions: "",
  });
  return {
    url: (database = "") => `mongodb://${member.host}/${database}`,
    async stop() {
      await member.kill();
      await guard.release();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
