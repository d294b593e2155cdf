// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createMachine } from "xstate";
import { durable } from "../../../src/engine/definition/durable.ts";

const orderChart = {
  id: "order",
  context: { cents: 4200, customer: "Ada", lines: [{ sku: "tea", count: 2 }] },
  initial: "open",
  states: {
    open: {
      description: "Waits for the payment. Leaves when it is there.",
      tags: ["new"],
      on: { PAY: "paid", CANCEL: "gone", BREAK: { guard: "broken", target: "paid" } },
      after: { 86400000: "gone" },
    },
    paid: { tags: ["busy"], on: { SHIP: "shipped", REFUND: "open" } },
    shipped: { type: "final" },
    gone: { type: "final" },
  },
  output: { over: true },
};
const tripChart = {
  id: "trip",
  type: "parallel",
  states: {
    car: { initial: "none", states: { none: { on: { CAR: "booked" } }, booked: {} } },
    hotel: {
      initial: "none",
      states: { none: { on: { HOTEL: "booked" } }, booked: { initial: "in", states: { in: {} } } },
    },
  },
};
const guards = { broken: () => fails() };
function fails(): never {
  throw new Error("the guard is broken");
}
const machine = createMachine(orderChart as any).provide({ guards } as any) as any;
export const order = durable(machine, { name: "order", version: "1.0.0" }) as any;
export const old = durable(machine, { name: "order", version: "0.9.0" }) as any;
export const trip = durable(createMachine(tripChart as any), {
  name: "trip",
  version: "1.0.0",
}) as any;

/** Writes the machines as a module of a user. */
export async function writeModule(folder: string): Promise<string> {
  const path = join(folder, "machines.mjs");
  const from = pathToFileURL(resolve("dist/src/engine/index.js")).href;
  const xstate = pathToFileURL(resolve("node_modules/xstate/dist/xstate.esm.js")).href;
  const guard = 'guards: { broken: () => { throw new Error("the guard is broken"); } }';
  await writeFile(
    path,
    `import { durable } from "${from}";\nimport { createMachine } from "${xstate}";
const order = createMachine(${JSON.stringify(orderChart)}).provide({ ${guard} });
export const orders = durable(order, { name: "order", version: "1.0.0" });
export const trips = durable(createMachine(${JSON.stringify(tripChart)}), { name: "trip", version: "1.0.0" });\n`,
  );
  return path;
}
