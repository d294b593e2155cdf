import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LockstepError, messageOf } from "../errors.ts";

/**
 * Imports a module of the user by its path.
 * @param named the argument that names it, for the message
 * @throws LockstepError `bad-argument`
 */
export async function importModule(
  path: string,
  named: string,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new LockstepError(
      "bad-argument",
      `expected a module in ${path}, got: ${messageOf(error)}: correct ${named} or the module`,
    );
  }
}
