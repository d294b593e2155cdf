import type { ControlDocument } from "../../journal/store.ts";

/** The agent that holds the leadership lease, or held it last. */
export interface MasterStatus {
  readonly agent: string;
  readonly epoch: number;
  /** True while its lease lasts. */
  readonly live: boolean;
  /** Milliseconds by the database's clock at which its lease ends or has ended; null where it has given it up. */
  readonly leaseUntil: number | null;
  /** Milliseconds by the database's clock at which it renewed its lease; null where that is not known. */
  readonly renewedAt: number | null;
}

/** The view of the lease. Pure. */
export function masterStatus(lease: ControlDocument | undefined, now: number): MasterStatus | null {
  if (!lease || typeof lease["holder"] !== "string") return null;
  const leaseUntil = Number(lease["expiresAt"] ?? 0);
  const renewedAt = leaseUntil - Number(lease["ttlMs"]);
  return {
    agent: lease["holder"],
    epoch: Number(lease["epoch"]),
    live: leaseUntil > now,
    leaseUntil: leaseUntil === 0 ? null : leaseUntil,
    renewedAt: leaseUntil === 0 || Number.isNaN(renewedAt) ? null : renewedAt,
  };
}
