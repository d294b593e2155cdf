import { oneOf } from "../shape.ts";

/** The shape of an agent's role, wherever one is kept. It imports nothing that a browser lacks. */
export const roleShape = oneOf("state-server", "machine");
