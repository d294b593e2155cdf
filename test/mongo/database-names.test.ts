// Aim: the names of databases that are made from a fleet's name fit the server and collide with no other's.
// Method: the pure functions, at their limits.
import { describe, expect, test } from "vitest";
import { limits } from "../../src/limits.ts";
import {
  controlDatabaseName,
  requireApplicationDatabaseName,
  scratchDatabaseNames,
} from "../../src/mongo/database-names.ts";

const refused = expect.objectContaining({ code: "bad-argument" });

test("the control database and the pool of scratch databases", () => {
  expect(controlDatabaseName("main")).toBe("lockstep_main");
  expect(scratchDatabaseNames("lockstep_main")).toEqual([
    "lockstep_main_scratch_1",
    "lockstep_main_scratch_2",
    "lockstep_main_scratch_3",
    "lockstep_main_scratch_4",
  ]);
});

test("the longest name of a fleet leaves room for the longest name made from it, and no more", () => {
  const bytes = (fleet: string) =>
    Buffer.byteLength(scratchDatabaseNames(controlDatabaseName(fleet)).at(-1) ?? "");
  expect(bytes("x".repeat(limits.fleetNameBytesMax))).toBe(limits.databaseNameBytesMax);
  expect(() => controlDatabaseName("x".repeat(limits.fleetNameBytesMax + 1))).toThrow(refused);
  // Bytes, not letters.
  expect(() => controlDatabaseName("é".repeat(23))).toThrow(refused);
});

describe("a fleet's name that makes no database, or another fleet's", () => {
  test.each(["", "a/b", "a b", "a.b", "a$b", "a\0b", "main_scratch_1", "main_Scratch_12"])(
    "%j",
    (fleet) => {
      expect(() => controlDatabaseName(fleet)).toThrow(refused);
    },
  );
  test.each(["main_scratch", "main_scratch_one", "scratch_1"])("%j is one", (fleet) => {
    expect(() => controlDatabaseName(fleet)).not.toThrow();
  });
});

describe("an application's database is neither the server's nor ours", () => {
  const others = [
    "admin",
    "Local",
    "config",
    "lockstep",
    "LOCKSTEP",
    "lockstep_main",
    "Lockstep_x",
  ];
  test.each([...others, "", "a/b", "x".repeat(64)])("%j", (name) => {
    expect(() => requireApplicationDatabaseName(name)).toThrow(refused);
  });
  test.each(["catalogue", "lockstepper", "my_lockstep", "x".repeat(63)])("%j may be", (name) => {
    expect(() => requireApplicationDatabaseName(name)).not.toThrow();
  });
});
