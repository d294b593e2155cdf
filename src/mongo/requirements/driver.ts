import { BSON } from "mongodb";
import { LockstepError, messageOf } from "../../errors.ts";
import { documentOf, type TypedBytes } from "../bson/elements.ts";
import { bsonType, fieldOfBytes, RawValue } from "../bson/raw-bson.ts";
import { isOfOtherCopy, rawSequence } from "../bson/raw-sequence.ts";

/** The two ways in which the driver sends bytes that it has not made. Neither is public. */
export interface RawSending {
  /** The bytes of a document with this value as its field `v`. */
  value(typed: TypedBytes): Uint8Array;
  /** The bytes of the field `documents` of a command. */
  sequence(documents: Uint8Array): Uint8Array;
  /** True where the clients come from another copy of the driver. */
  isOfOtherCopy(): boolean;
}

const driver: RawSending = {
  value: ({ type, value }) => BSON.serialize({ v: new RawValue(fieldOfBytes("v", type, value)) }),
  sequence: (documents) => rawSequence("documents", documents).toBin(),
  isOfOtherCopy,
};

/** A value that JavaScript cannot hold: a text that is no valid UTF-8. */
const odd: TypedBytes = { type: bsonType.string, value: Buffer.from([2, 0, 0, 0, 0xff, 0]) };

/**
 * Refuses a copy of the driver that does not send bytes as they are. The application chooses that copy, and a restore
 * must never find out in its middle.
 * @throws LockstepError `driver-not-supported`
 */
export function requireKnownDriver(sending: RawSending = driver): void {
  if (sending.isOfOtherCopy()) {
    throw new LockstepError(
      "driver-not-supported",
      'expected one copy of the package "mongodb", found two in this program: bundle all of it, or leave all of it out, with its modules "mongodb/lib/…"',
    );
  }
  const document = documentOf([{ ...odd, name: Buffer.from("v") }]);
  const length = Buffer.alloc(4);
  length.writeInt32LE(4 + "documents".length + 1 + document.length);
  const section = Buffer.concat([Buffer.from([1]), length, Buffer.from("documents\0"), document]);
  let found = "other bytes";
  try {
    const isValueKept = Buffer.compare(sending.value(odd), document) === 0;
    if (isValueKept && Buffer.compare(sending.sequence(document), section) === 0) return;
  } catch (error) {
    found = messageOf(error);
  }
  throw new LockstepError(
    "driver-not-supported",
    `expected a version of the package "mongodb" that sends documents as they are, got ${found}: install a version that Lockstep's peerDependencies name`,
  );
}
