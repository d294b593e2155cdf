import { createServer } from "node:net";
import { messageOf } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import { takeDataDirectory } from "./data-directory.ts";
import { keepMembers } from "./keep-members.ts";
import type { Member } from "./mongod-process.ts";
import { portTaken } from "./port-taken.ts";
import { type ReplicaSet, startReplicaSet } from "./replica-set.ts";

/** A replica set for a person who develops: its members are kept running until it is stopped. */
export interface DevSet extends Pick<ReplicaSet, "directory" | "members" | "url"> {
  /** True where no set has used its folder before. */
  readonly isNew: boolean;
  /**
   * Starts each member again that ends, until the signal aborts.
   * @throws LockstepError `mongod-does-not-run` for a member that does not stay
   */
  keepUp(onEnd: (member: Member, how: string) => void): Promise<void>;
  /** Ends all of it. Data in a temporary folder is deleted. */
  stop(): Promise<void>;
}

/** @throws LockstepError `port-taken` */
async function requireFreePort(port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    throw portTaken(port, isTaken ? undefined : `it cannot be used: ${messageOf(error)}`);
  }
}

/**
 * Starts a replica set on consecutive ports of this machine.
 * @param options.directory a folder for the data, which stays. Default: a temporary one, which is deleted at the end
 * @param options.signal ends the start and the keeping
 * @throws LockstepError `bad-argument`, `directory-taken`, `file-trouble`, `mongod-does-not-run`, `port-taken`, `timeout`
 */
export async function startDevSet(options: {
  readonly mongodPath: string;
  readonly members: number;
  readonly port: number;
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<DevSet> {
  const { mongodPath, members, port, directory, clock, signal } = options;
  const ports = Array.from({ length: members }, (_, index) => port + index);
  const own = directory === undefined ? null : await takeDataDirectory(directory, members);
  try {
    await Promise.all(ports.map(requireFreePort));
    const set = await startReplicaSet({ mongodPath, members, ports, directory, signal });
    return {
      ...{ directory: set.directory, members: set.members, url: set.url },
      isNew: own?.isNew ?? true,
      keepUp: (onEnd) => keepMembers(set.members, clock, signal, onEnd),
      async stop() {
        await set.stop();
        await own?.release();
      },
    };
  } catch (error) {
    await own?.release();
    throw error;
  }
}
