import type { UpgradeContext } from "../../../machines/upgrade-context.ts";

/** The early writes that matter: after a commit there is no way back that would keep them. Pure. */
export function earlyWritesOf(
  state: string,
  { earlyWrites = [] }: Pick<UpgradeContext, "earlyWrites">,
): readonly string[] {
  return state === "done" ? [] : earlyWrites;
}

/** The page and heading that explain early writes. */
export const earlyWritesPage = "docs/agents.md#early-writes";
