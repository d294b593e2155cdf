// Aim: a name that is empty, that every object has, or that holds what a terminal obeys is refused where it enters,
// whatever it names. Method: every door, with the same names.
import { describe, expect, test } from "vitest";
import { fileRequest } from "../src/control/inbox.ts";
import { createAgent, defineSteps } from "../src/index.ts";
import { controlDatabaseName } from "../src/mongo/database-names.ts";
import { backupFolder } from "../src/operator/by-hand/backup-files.ts";
import { createMemoryStore } from "./support/memory-store.ts";

const mongoUrl = "mongodb://127.0.0.1:1/things";
const dataDirectory = "/tmp/none";
const gate = { onOpen: async () => {}, onShut: async () => {} };
const step = { version: "1.0.0", target: "AllMachines", description: "d", run: async () => {} };

const doors: Readonly<Record<string, (name: string) => unknown>> = {
  agent: (name) =>
    createAgent({ mongoUrl, dataDirectory, agent: name, version: "1.0.0", steps: [], gate }),
  "an agent's fleet": (name) =>
    createAgent({
      mongoUrl,
      dataDirectory,
      agent: "a1",
      fleet: name,
      version: "1.0.0",
      steps: [],
      gate,
    }),
  fleet: controlDatabaseName,
  step: (name) => defineSteps([{ ...step, name } as never]),
  backup: (name) => backupFolder("/tmp", name),
};

const never = [
  "",
  "__proto__",
  "a\u0007b",
  "a\nb",
  "a\u001b[2Jb",
  "a\u0085b",
  "a\u202eb",
  "\0",
  "constructor",
];

describe.each(Object.entries(doors))("%s", (_door, enter) => {
  test.each(never)("%j is refused, and shown without what a terminal obeys", async (name) => {
    const error = await Promise.resolve()
      .then(() => enter(name))
      .then(() => null)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "bad-argument" });
    expect((error as Error).message).not.toMatch(/[\p{Cc}]/u);
  });
});

test.each(["..", "a/b", ...never])("a request for the backup %j is not filed", async (backupId) => {
  const store = createMemoryStore({ now: () => 0 });
  const backup = { backupId, digest: "d", version: "1.0.0", bytes: 1, files: 1 };
  const filed = fileRequest(store, "r1", { kind: "restore", backup, deadlines: {} }, 1_000);
  await expect(filed).rejects.toMatchObject({ code: "bad-argument" });
});

describe("names that may be, at their limits", () => {
  const kinds = [
    [
      "agent",
      ["a", "7", "a-1", "a".repeat(63)],
      ["-a", "A", "a_b", "a b", " a", "a ", "a".repeat(64)],
    ],
    ["step", ["a", "7-a", "a".repeat(100)], ["-a", "A", "a.b", "a".repeat(101)]],
    [
      "backup",
      ["a", "A.b_c-1", "u000001", "a".repeat(100)],
      ["..", ".a", "a/b", "-a", "a".repeat(101)],
    ],
    ["fleet", ["main", "Größe", "_a"], ["a/b", "a b", "a.b"]],
  ] as const;
  test.each(kinds)("%s", (kind, allowed, refused) => {
    const enter = doors[kind] as (name: string) => unknown;
    for (const name of allowed) expect(() => enter(name), name).not.toThrow();
    for (const name of refused) expect(() => enter(name), name).toThrow();
  });
});
