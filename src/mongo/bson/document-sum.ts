import { createHash } from "node:crypto";

/** The sum of the hashes of documents: equal for the same documents in any order, and for no others. */
export interface DocumentSum {
  add(document: Uint8Array): void;
  /** In hexadecimal digits. */
  text(): string;
}

const modulus = 1n << 256n;

/** A sum without documents. It needs the same memory for any number of them. */
export function createDocumentSum(): DocumentSum {
  let sum = 0n;
  return {
    add(document) {
      sum = (sum + BigInt(`0x${createHash("sha256").update(document).digest("hex")}`)) % modulus;
    },
    text: () => sum.toString(16).padStart(64, "0"),
  };
}
