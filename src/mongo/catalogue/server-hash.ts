import { createHash, type Hash } from "node:crypto";

/**
 * The hash that the server's `dbHash` computes over one collection: MD5 over the BSON of all documents, in the order
 * of the `_id` index. (Seen on MongoDB 6.0, also for clustered collections, for collations and for the buckets of a
 * time series.) An equal hash proves equal documents in that order. A different one proves nothing: a dump of a capped
 * collection is in the order of insertion, and another release of the server may hash in another way.
 * @returns null where this Node has no MD5, as in FIPS mode
 */
export function createServerHash(): Hash | null {
  try {
    return createHash("md5");
  } catch {
    return null;
  }
}
