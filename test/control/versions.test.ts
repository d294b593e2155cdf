// Aim: the four transactions on the versions document: what each expects and what it sets, to the
// letter; and the fleet's first version. Method: the writes as values; the memory store.
import { expect, test } from "vitest";
import {
  acceptWrite,
  commitWrite,
  endRollBackWrites,
  initializeVersions,
  inTransition,
  nextUpgradeId,
  noVersionError,
  readVersions,
  requireSemver,
  turnBackWrite,
} from "../../src/control/versions.ts";
import { createMemoryStore } from "../support/memory-store.ts";

const [from, to, upgradeId] = ["1.0.0", "1.1.0", "u000002"];
const document = { collection: "versions", id: "versions" };
const between = "1.0.0>1.1.0#u000002";

test("a version in transition equals none", () => {
  expect(inTransition(from, to, upgradeId)).toBe(between);
});

test("the four transactions", () => {
  expect(acceptWrite(from, to, upgradeId)).toEqual({
    ...document,
    expect: { agentVersion: from, databaseVersion: from, upgradeId: null, generation: 1 },
    set: { agentVersion: to, databaseVersion: between, upgradeId },
    increment: { generation: 1 },
  });
  expect(turnBackWrite(from, to, upgradeId)).toEqual({
    ...document,
    expect: { databaseVersion: between, upgradeId },
    set: { agentVersion: from },
  });
  expect(commitWrite(from, to, upgradeId)).toEqual({
    ...document,
    expect: { agentVersion: to, databaseVersion: between, upgradeId },
    set: { databaseVersion: to, upgradeId: null },
  });
  expect(endRollBackWrites(from, to, upgradeId, ["a2"])).toEqual([
    {
      ...document,
      expect: { agentVersion: from, databaseVersion: between, upgradeId },
      set: { databaseVersion: from, upgradeId: null },
      increment: { generation: 1 },
    },
    { collection: "agents", id: "a2", expect: {}, set: { owes: upgradeId } },
  ]);
});

test("the next upgrade's id is of the next generation", () => {
  const versions = { agentVersion: to, databaseVersion: to, upgradeId: null, generation: 41 };
  expect(nextUpgradeId(versions)).toBe("u000042");
});

test("a fleet's first version is declared once", async () => {
  const store = createMemoryStore({ now: () => 0 });
  const first = { agentVersion: from, databaseVersion: from, upgradeId: null, generation: 1 };
  expect(await readVersions(store)).toBeUndefined();
  expect(await initializeVersions(store, from)).toMatchObject(first);
  expect(await initializeVersions(store, from)).toMatchObject(first);
  expect(await readVersions(store)).toMatchObject(first);
  const exists = expect.objectContaining({
    code: "version-exists",
    details: expect.objectContaining({ agentVersion: from }),
  });
  await expect(initializeVersions(store, to)).rejects.toEqual(exists);
  await store.write([acceptWrite(from, from, "u000002")]);
  await expect(initializeVersions(store, from)).rejects.toEqual(exists);
});

test("a version is a plain semantic one", () => {
  expect(() => requireSemver("1.2.3-rc.1")).not.toThrow();
  for (const version of ["1.2", "v1.2.3", " 1.2.3", "next"]) {
    expect(() => requireSemver(version)).toThrow(
      expect.objectContaining({ code: "version-not-semver", details: { version } }),
    );
  }
  expect(noVersionError().code).toBe("no-version");
});
