import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { DumpedCollection } from "../backup/manifest.ts";

/** The server's refusals of a view that depend on the present state of other views. */
export const othersInTheWay = [
  serverErrors.graphContainsCycle,
  serverErrors.viewDepthLimitExceeded,
  serverErrors.optionNotSupportedOnView,
];

/**
 * Creates again what has no rename, one by one. Views build on each other. A view that the server refuses while
 * another still has its old definition waits for that one. A view is never refused once all its sources are new.
 */
export async function makeInPlace(
  wanted: readonly DumpedCollection[],
  make: (wanted: DumpedCollection) => Promise<unknown>,
): Promise<void> {
  const isView = ({ type }: DumpedCollection) => type === "view";
  let left = [...wanted.filter((each) => !isView(each)), ...wanted.filter(isView)];
  while (left.length > 0) {
    const putOff: DumpedCollection[] = [];
    for (const each of left) {
      try {
        await make(each);
      } catch (error) {
        const isLast = putOff.length + 1 === left.length;
        if (isLast || !isView(each) || !hasCode(error, ...othersInTheWay)) throw error;
        putOff.push(each);
      }
    }
    left = putOff;
  }
}
