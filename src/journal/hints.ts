import type { ChangeStreamDocument, Document } from "mongodb";
import { collections, documentIds, hintingAgentFields } from "./store.ts";

/** The changes that are hints, as a change stream's pipeline. */
export const hints: Document[] = [
  {
    $match: {
      $or: [
        {
          "ns.coll": { $in: [collections.journal, collections.versions, collections.inbox] },
        },
        { "ns.coll": collections.leases, "updateDescription.updatedFields.expiresAt": 0 },
        { "ns.coll": collections.fences, "documentKey._id": documentIds.writeBlock },
        { "ns.coll": collections.agents, operationType: "insert" },
        ...hintingAgentFields.map((field) => ({
          "ns.coll": collections.agents,
          [`updateDescription.updatedFields.${field}`]: { $exists: true },
        })),
      ],
    },
  },
  // A hint names the change and leaves the document out: a large document would end the stream.
  { $project: { operationType: 1, ns: 1, documentKey: 1 } },
];

/** The subject of a change that is a hint: an actor, or a collection. */
export function whatOf(change: ChangeStreamDocument): string {
  if (!("ns" in change) || !("coll" in change.ns)) return "";
  if (change.ns.coll !== collections.journal || !("documentKey" in change)) return change.ns.coll;
  return String((change.documentKey._id as { readonly actor?: unknown } | null)?.actor);
}
