import type { Fenced } from "../../leadership/fenced-transaction.ts";
import { controlOf } from "../../leadership/fences.ts";
import type { AgentIdentity, AgentPorts } from "../agent-identity.ts";
import type { Connections } from "./connections.ts";
import type { Acting } from "./upgrade-database.ts";

/** The means of an agent to act on its application's database. */
export interface MongoDatabaseOptions
  extends Connections,
    Pick<AgentIdentity, "agent" | "role" | "dataDirectory">,
    Pick<AgentPorts, "store" | "clock" | "faultPoints" | "log"> {}

/** The means of a fenced write on MongoDB. */
export function fencedBy(
  options: MongoDatabaseOptions,
  { mastership, signal }: Pick<Acting, "mastership" | "signal">,
): Fenced {
  const { client, faultPoints, clock } = options;
  return { client, control: controlOf(options), mastership, signal, faultPoints, clock };
}
