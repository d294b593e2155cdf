import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const other = existsSync("node_modules/mongodb-6") ? "mongodb-6" : "mongodb-7";

/** The driver of the other major version: an application may have another copy than Lockstep's. */
export const otherDriver = createRequire(import.meta.url)(other) as typeof import("mongodb");
