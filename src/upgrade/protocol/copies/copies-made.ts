import type { UpgradeContext } from "../../../../machines/upgrade-context.ts";

/** The copies of the data as it was before an upgrade. */
export interface CopiesMade {
  /** The number of state servers that hold one. */
  readonly made: number;
  /** The number of state servers that were to make one. */
  readonly of: number;
  /** The state servers that could make none, or have lost it, and why. */
  readonly missing: readonly { readonly agent: string; readonly why: string }[];
}

/** The copies of an upgrade, or null before the first state server has reported on its own. Pure. */
export function copiesMade({
  copies,
  required,
}: Pick<UpgradeContext, "copies" | "required">): CopiesMade | null {
  const reported = Object.entries(copies);
  if (reported.length === 0) return null;
  const servers = required.filter(({ role }) => role === "state-server").map(({ agent }) => agent);
  return {
    made: reported.filter(([, { digest }]) => digest !== null).length,
    of: new Set([...servers, ...Object.keys(copies)]).size,
    missing: reported.flatMap(([agent, { digest, reason }]) =>
      digest === null ? [{ agent, why: reason?.message ?? "unknown" }] : [],
    ),
  };
}
