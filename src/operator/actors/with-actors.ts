import { importModule } from "../../ports/import-module.ts";
import type { ActorsClient } from "./actors-client.ts";
import type { EnginePlace } from "./open-engine.ts";

/** The engine of which a page shows the actors. */
export interface ShownEngine {
  /** Its database. Default with a module: that of the URL. */
  readonly engineDatabase?: string | undefined;
  /** The path of a module that exports its durable machines. Default: there is none. */
  readonly module?: string | undefined;
}

/**
 * Opens the actors of an engine where one is asked for.
 * @param named what the caller names the module with, for the message
 * @param act gets null where neither a database nor a module is named
 * @throws LockstepError as `withEngine` and `createActorsClient`; `bad-argument` for the module
 */
export async function withActors<Result>(
  { engineDatabase: database, module }: ShownEngine,
  place: Omit<EnginePlace, "database">,
  named: string,
  act: (actors: ActorsClient | null) => Promise<Result>,
): Promise<Result> {
  if (database === undefined && module === undefined) return act(null);
  const exports = module === undefined ? null : await importModule(module, named);
  // Most pages show no actors, and the engine takes a while to load.
  const { createActorsClient } = await import("./actors-client.ts");
  const { withEngine } = await import("./open-engine.ts");
  return withEngine({ ...place, database }, (engine, client) =>
    act(createActorsClient(engine, client, exports)),
  );
}
