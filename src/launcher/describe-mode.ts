import { LockstepError } from "../errors.ts";
import { fields, type Shape, text } from "../shape.ts";

/** The request to a build that it writes its steps down and ends, in place of an agent. */
export interface DescribeRequest {
  /** The fleet's version, from which the steps lead to the build's own. */
  readonly from: string;
  /** The file for the steps. It is not there yet. */
  readonly path: string;
}

/** The variable of the environment by which a build knows the mode. */
export const describeVariable = "LOCKSTEP_DESCRIBE";

const requestShape: Shape = fields<DescribeRequest>({ from: text, path: text });

/**
 * The request to this process, or undefined where it is to be an agent.
 * @throws LockstepError `bad-argument` for any other value, so that no agent starts by a mistake in it
 */
export function readDescribeRequest(
  environment: Readonly<Record<string, string | undefined>>,
): DescribeRequest | undefined {
  const value = environment[describeVariable];
  if (!value) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(value);
  } catch {
    found = value;
  }
  const wrong = requestShape(found, describeVariable);
  if (wrong === null) return found as DescribeRequest;
  throw new LockstepError(
    "bad-argument",
    `${wrong}: only Lockstep sets this variable, so remove it from the environment`,
  );
}

/**
 * The environment of a build that describes itself.
 *
 * A build that is too old for this mode would start an agent. Three values keep each build of Lockstep from that: the list
 * of versions is no JSON, so `createAgent` throws; a data directory that the build names itself is another one than this
 * one, so `createAgent` throws; and the folder's locks cannot be taken, which comes before the database. The URL leads
 * nowhere, also for the application's own client.
 * @param folder a folder of this description alone, whose locks are blocked
 */
export function describeEnvironment(
  request: DescribeRequest,
  version: string,
  folder: string,
): Readonly<Record<string, string>> {
  return {
    [describeVariable]: JSON.stringify(request),
    LOCKSTEP_DATA_DIRECTORY: folder,
    LOCKSTEP_VERSION: version,
    LOCKSTEP_STARTABLE_VERSIONS: "none: this process only describes its build",
    LOCKSTEP_MONGO_URL: "mongodb://127.0.0.1:1/describe?serverSelectionTimeoutMS=1000",
    LOCKSTEP_INCARNATION: "",
    LOCKSTEP_LAUNCHER: "",
    LOCKSTEP_SAFE_MODE: "",
    LOCKSTEP_CANNOT_START: "",
  };
}
