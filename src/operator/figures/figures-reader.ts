import type { OpenFleet } from "../open-fleet.ts";
import { type EngineAnswer, EngineReader } from "./engine-reader.ts";
import { type UpgradesFigures, UpgradesReader } from "./upgrades-reader.ts";

/** Figures of a fleet that its status does not have. */
export interface FleetFigures {
  readonly upgrades: UpgradesFigures;
  /** The engine in the engine's database, or null where it has none. */
  readonly engine: EngineAnswer | null;
}

/** Reads the figures of a fleet and of an engine beside it. */
export class FiguresReader {
  readonly #upgrades: UpgradesReader;
  readonly #engine: EngineReader;

  constructor({ store, client, clock }: OpenFleet, engineDatabase: string) {
    this.#upgrades = new UpgradesReader(store);
    this.#engine = new EngineReader(client, engineDatabase, clock);
  }

  /** @throws LockstepError `database-unreachable` */
  async read(): Promise<FleetFigures> {
    return { upgrades: await this.#upgrades.read(), engine: await this.#engine.read() };
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
