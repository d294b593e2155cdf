// Aim: a request of the page asks the master for no more than the person saw, and a refusal names what is missing.
// Method: bodies of requests beside a status, pure.
import { expect, test } from "vitest";
import { fleetRequestOf, type PageRequest } from "../../src/dashboard/http/requests.ts";
import { statusWith } from "./fleet-status.ts";

const status = statusWith();
const upgradeId = status.upgrade?.upgradeId ?? "";
const requestOf = (request: PageRequest) => fleetRequestOf(request, status, "shop");

test("the request to the master", () => {
  expect(upgradeId).not.toBe("");
  expect(requestOf({ kind: "abort", upgradeId, why: " late " })).toEqual({
    ...{ kind: "abort", why: "late" },
  });
  expect(requestOf({ kind: "pause", upgradeId })).toEqual({
    ...{ kind: "pause", why: "no reason given" },
  });
  expect(requestOf({ kind: "resume", upgradeId })).toEqual({ kind: "resume" });
  expect(requestOf({ kind: "forget", agent: "a2", confirm: "a2" })).toEqual({
    ...{ kind: "forget", agent: "a2" },
  });
});

test.each<[string, PageRequest, string, string]>([
  ["no upgrade", { kind: "abort" }, "bad-argument", "found none"],
  ["another upgrade", { kind: "abort", upgradeId: "gone" }, "wrong-state", "expected upgrade gone"],
  ["no agent", { kind: "forget" }, "bad-argument", "the agent's name"],
  ["another agent", { kind: "forget", agent: "a2", confirm: "a1" }, "bad-argument", "agent's name"],
])("refused: %s", (_name, request, code, message) => {
  expect(() => requestOf(request)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});
