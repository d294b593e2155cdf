// Aim: a reason says once what to do. Method: live data that differs, with and without writes that the oplog names.
import { expect, test } from "vitest";
import { withWrites } from "../../../src/upgrade/protocol/data-decisions.ts";

const reason = { code: "foreign-writes", message: "it is not what was backed up", details: {} };

test("the writes that are named bring their own words, and without them there are some all the same", () => {
  const toDo = "stop those clients, then upgrade again";
  const writes = [{ id: "7" }];
  const named = withWrites(reason, { message: `found update of 7: ${toDo}`, writes, count: 1 });
  expect(named.message).toBe(`it is not what was backed up; found update of 7: ${toDo}`);
  expect(named.details).toEqual({ writes, count: 1 });
  const unnamed = withWrites(reason, { message: null, writes: [], count: 0 });
  expect(unnamed.message).toBe(`it is not what was backed up: ${toDo}`);
});
