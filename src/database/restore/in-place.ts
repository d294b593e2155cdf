import { hasCode, serverErrors } from "../../mongo/server-errors.ts";
import type { DumpedCollection } from "../backup/manifest.ts";

/** The server's refusals of a view for what other views are at the moment. */
export const othersInTheWay = [
  serverErrors.graphContainsCycle,
  serverErrors.viewDepthLimitExceeded,
  serverErrors.optionNotSupportedOnView,
];

/**
 * Makes again what has no rename, one by one. Views are made over each other: one that the server refuses while another
 * is still its old self is put off until the others are made. One whose sources are all made again is never refused.
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
