// Aim: a driver that would alter documents is refused before anything is written. Method: the installed driver, and
// drivers that send other bytes.
import { describe, expect, test } from "vitest";
import { isOfOtherCopy } from "../../src/mongo/bson/raw-sequence.ts";
import { type RawSending, requireKnownDriver } from "../../src/mongo/requirements/driver.ts";
import { otherDriver } from "../support/other-driver.ts";

const value: RawSending["value"] = ({ value: bytes }) =>
  Buffer.concat([Buffer.from([14, 0, 0, 0, 2]), Buffer.from("v\0"), bytes, Buffer.from([0])]);
const sequence: RawSending["sequence"] = (bytes) =>
  Buffer.concat([Buffer.from([1, 28, 0, 0, 0]), Buffer.from("documents\0"), bytes]);
const plain: RawSending = { value, sequence, isOfOtherCopy: () => false };

describe("a driver", () => {
  test("the installed one sends documents as they are", () => {
    expect(() => requireKnownDriver()).not.toThrow();
    expect(() => requireKnownDriver(plain)).not.toThrow();
  });

  test.each<[string, Partial<RawSending>, string]>([
    ["writes a value anew", { value: () => Buffer.from("altered") }, "got other bytes"],
    ["writes documents anew", { sequence: () => Buffer.from("altered") }, "got other bytes"],
    ["is there twice", { isOfOtherCopy: () => true }, "found two in this program"],
    ["has no sequence", { sequence: () => Buffer.from(null as never) }, "got The first"],
  ])("that %s is refused", (_what, broken, found) => {
    expect(() => requireKnownDriver({ ...plain, ...broken })).toThrow(
      expect.objectContaining({
        code: "driver-not-supported",
        message: expect.stringContaining(found),
      }),
    );
  });

  test("another copy shows by its errors, and a way that is not known says nothing", () => {
    const thrower = (error: Error) =>
      class {
        constructor() {
          throw error;
        }
      };
    expect(isOfOtherCopy()).toBe(false);
    const foreign = new otherDriver.MongoInvalidArgumentError("no document");
    expect(isOfOtherCopy(thrower(foreign))).toBe(true);
    expect(isOfOtherCopy(thrower(new TypeError("null")))).toBe(false);
    expect(isOfOtherCopy(class {})).toBe(false);
  });
});
