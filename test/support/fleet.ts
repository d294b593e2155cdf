import { inject } from "vitest";
import { startFleet, type TestFleet, type TestFleetOptions } from "./start-fleet.ts";

export { itemsCount, type TestFleet } from "./start-fleet.ts";

/** A fleet of real processes on the mongod that the whole run uses. */
export function startTestFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  return startFleet({ mongodPath: inject("mongodPath"), ...options });
}
