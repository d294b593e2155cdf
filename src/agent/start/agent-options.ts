import { requireSemver } from "../../control/versions.ts";
import { requireName } from "../../entity-names.ts";
import { limits } from "../../limits.ts";
import { requireLog } from "../../log.ts";
import { checkOptions, type OptionShapes } from "../../options.ts";
import { anything, callable, flag, list, nonEmpty, oneOf, text, wholeWithin } from "../../shape.ts";
import type { AgentOptions } from "../create-agent.ts";

const gateShapes: OptionShapes<NonNullable<AgentOptions["gate"]>> = {
  onOpen: callable,
  onShut: callable,
};

const dashboardShapes: OptionShapes<NonNullable<AgentOptions["dashboard"]>> = {
  ...{ host: text, port: wholeWithin(0, 65_535), allowedHosts: list(text) },
  ...{ token: text, engineDatabase: text, module: text },
};

/** Those of `anything` have a check of their own. */
const agentShapes: OptionShapes<AgentOptions> = {
  ...{ agent: anything, version: anything, steps: anything, mongoUrl: text, fleet: text },
  ...{ gate: anything, drainTimeoutMs: wholeWithin(0, limits.drainTimeoutMsMax) },
  readiness: callable,
  readinessTimeoutMs: wholeWithin(1, limits.readinessTimeoutMsMax),
  ...{ fresh: flag, initialize: flag, preventForeignWrites: flag },
  ...{ dataDirectory: nonEmpty, memberUrl: text, role: oneOf("state-server", "machine") },
  leaseTtlMs: wholeWithin(limits.leaseTtlMsMin, limits.leaseTtlMsMax),
  ...{ dashboard: anything, log: anything, ports: anything },
};

/**
 * Refuses options that an agent cannot keep, before it does anything.
 * @throws LockstepError `bad-argument`, `version-not-semver`
 */
export function checkAgentOptions(options: AgentOptions): void {
  checkOptions("createAgent", options, agentShapes);
  requireName("agent", options.agent);
  requireSemver(options.version);
  const { gate, dashboard, log } = options;
  if (gate !== undefined) checkOptions("createAgent, gate", gate, gateShapes);
  if (dashboard !== undefined) checkOptions("createAgent, dashboard", dashboard, dashboardShapes);
  if (log !== undefined) requireLog(log);
}
