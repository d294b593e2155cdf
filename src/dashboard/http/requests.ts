import { LockstepError } from "../../errors.ts";
import type { FleetRequest } from "../../operator/fleet-client.ts";
import type { FleetStatus } from "../../operator/status.ts";
import { fields, oneOf, optional, text } from "../../shape.ts";

/** A request of the page. */
export interface PageRequest {
  readonly kind: "abort" | "pause" | "resume" | "retry" | "forget";
  /** The upgrade that the person saw. */
  readonly upgradeId?: string;
  readonly agent?: string;
  readonly why?: string;
  /** The name that the person typed as confirmation. */
  readonly confirm?: string;
}

const shape = fields<PageRequest>({
  kind: oneOf("abort", "pause", "resume", "retry", "forget"),
  upgradeId: optional(text),
  agent: optional(text),
  why: optional(text),
  confirm: optional(text),
});

/**
 * Checks the body of a request.
 * @throws LockstepError `bad-argument`
 */
export function readPageRequest(body: unknown): PageRequest {
  const wrong = shape(body, "the request");
  if (wrong !== null) throw new LockstepError("bad-argument", wrong);
  return body as PageRequest;
}

/**
 * The request to the master. A page may show an upgrade that has ended since, and then nothing is asked.
 * @throws LockstepError `bad-argument`, `wrong-state`
 */
export function fleetRequestOf(
  { kind, upgradeId, agent, why, confirm }: PageRequest,
  { upgrade }: FleetStatus,
  databaseName: string,
): FleetRequest {
  if (kind === "forget") {
    if (agent === undefined || confirm !== agent) {
      throw new LockstepError("bad-argument", "expected the agent's name as confirmation");
    }
    return { kind, agent };
  }
  if (upgradeId === undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected the `upgradeId` of the upgrade that the person saw, found none: name it",
    );
  }
  if (upgrade === null || upgrade.upgradeId !== upgradeId) {
    const found = upgrade === null ? "none" : `${upgrade.upgradeId} in ${upgrade.state}`;
    throw new LockstepError(
      "wrong-state",
      `expected upgrade ${upgradeId} under way, found ${found}: look at the page again`,
    );
  }
  if (kind === "resume") return { kind };
  if (kind !== "retry") return { kind, why: why?.trim() || "no reason given" };
  const isForeign = upgrade.state === "blocked" && upgrade.reason?.code === "foreign-writes";
  if (isForeign && confirm !== databaseName) {
    throw new LockstepError(
      "bad-argument",
      `expected the database's name "${databaseName}" as confirmation that writes of others are taken back`,
    );
  }
  return { kind, discardForeignWrites: isForeign };
}
