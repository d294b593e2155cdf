import { participantPrefix } from "../control/ids.ts";
import type { Store } from "../journal/store.ts";
import { isFinal } from "./fleet-journal.ts";
import { isOpenPart, type OpenPart } from "./protocol/accept.ts";

/** The parts of these agents in earlier upgrades that still have local work to do. */
export async function readOpenParts(
  store: Store,
  agents: readonly { readonly agent: string }[],
): Promise<readonly OpenPart[]> {
  const parts = await Promise.all(
    agents.map(async ({ agent }) => {
      const tails = await store.tails(participantPrefix(agent));
      return tails
        .filter((tail) => isOpenPart(tail.state, isFinal(tail)))
        .map(({ actor, state }) => ({ agent, upgradeId: actor.split("/").at(-1) ?? "", state }));
    }),
  );
  return parts.flat();
}
