// Aim: an agent refuses what it cannot keep before it does anything: names that are misspelt, and values of another kind,
// as texts of the environment in place of true and false. Method: agents that are made and never started.
import { expect, test } from "vitest";
import { createAgent } from "../../src/index.ts";
import { createLog } from "../../src/log.ts";

const mongoUrl = "mongodb://127.0.0.1:1/things";
const sound = { agent: "a1", version: "1.0.0", steps: [], dataDirectory: "/nowhere", mongoUrl };
const made = (options: object) => () => createAgent({ ...sound, ...options } as never);

test.each<[string, object, string]>([
  ["a name of no option", { onShut() {} }, 'found "onShut"'],
  ["a name of no listener", { gate: { onopen() {} } }, "createAgent, gate: expected options of"],
  ["a gate that is a function", { gate: () => {} }, "found a function"],
  ["a listener that is none", { gate: { onOpen: "x" } }, "onOpen: expected a function"],
  ["a text for true or false", { fresh: "false" }, 'fresh: expected true or false, found "false"'],
  ["another text for it", { preventForeignWrites: "no" }, "preventForeignWrites: expected true"],
  ["a role that is none", { role: "State-Server" }, "role: expected one of state-server, machine"],
  ["an empty folder", { dataDirectory: "" }, "dataDirectory: expected a text that is not empty"],
  ["a check that is none", { readiness: { check() {} } }, "readiness: expected a function"],
  [
    "a time as a text",
    { readinessTimeoutMs: "60s" },
    "readinessTimeoutMs: expected a whole number",
  ],
  ["a time that is over at once", { readinessTimeoutMs: 0 }, "a whole number from 1 to 86400000"],
  ["a time that no timer has", { readinessTimeoutMs: 2 ** 31 }, "found 2147483648"],
  ["a lease that ends at once", { leaseTtlMs: 1 }, "leaseTtlMs: expected a whole number from 1000"],
  ["no number", { drainTimeoutMs: Number.NaN }, "drainTimeoutMs: expected a whole number from 0"],
  ["a port as a text", { dashboard: { port: "80" } }, "createAgent, dashboard: port: expected"],
  ["a log that lacks a method", { log: console }, 'found none of the name "child"'],
])("%s", (_what, options, words) => {
  expect(made(options)).toThrow(
    expect.objectContaining({ code: "bad-argument", message: expect.stringContaining(words) }),
  );
});

test("a gate may be an instance of a class, with fields of its own; its listeners are checked all the same", () => {
  class Service {
    readonly connections = new Set();
    onOpen() {}
  }
  expect(made({ gate: new Service() })).not.toThrow();
  class Wrong {
    onShut = "later";
  }
  expect(made({ gate: new Wrong() })).toThrow(/gate: onShut: expected a function/);
});

test("what is left out or undefined has its default", () => {
  const log = createLog({});
  const options = {
    gate: {},
    dashboard: {},
    role: undefined,
    fresh: false,
    leaseTtlMs: 1_000,
    log,
  };
  expect(made(options)).not.toThrow();
});
