import { readVersions } from "../../../control/versions.ts";
import { collections, type Store } from "../../../journal/store.ts";
import type { GateListener } from "./gate.ts";

/** The first time that an agent served in a generation of its fleet: a document of the `openings` collection. */
export interface Opening {
  readonly agent: string;
  /** The generation that the end of an upgrade has left. */
  readonly generation: number;
  /** Milliseconds by the store's clock. */
  readonly at: number;
}

/** Notes when an application serves: the gate opens before `onOpen` has run, and an `onOpen` may fail. */
export class Openings {
  readonly #store: Store;
  readonly #agent: string;
  readonly #version: string;
  #serves = false;
  #isNoted = false;

  constructor(options: { store: Store; agent: string; version: string }) {
    this.#store = options.store;
    this.#agent = options.agent;
    this.#version = options.version;
  }

  /** The same listener. Each opening that it has ended is noted later. */
  listening({ onOpen, onShut }: GateListener): GateListener {
    return {
      onOpen: async () => {
        await onOpen();
        [this.#serves, this.#isNoted] = [true, false];
      },
      onShut: async (...given) => {
        this.#serves = false;
        await onShut(...given);
      },
    };
  }

  /** Writes the note, where there is one to write. It is repeated until it succeeds. The first one of a generation stays. */
  async note(): Promise<void> {
    if (!this.#serves || this.#isNoted) return;
    const versions = await readVersions(this.#store);
    if (versions?.upgradeId !== null || versions.databaseVersion !== this.#version) return;
    const { generation } = versions;
    const opening: Opening = { agent: this.#agent, generation, at: await this.#store.now() };
    const id = `${generation}/${this.#agent}`;
    const set = { ...opening };
    await this.#store.write(
      [{ collection: collections.openings, id, expect: null, set }],
      "opening",
    );
    this.#isNoted = this.#serves;
  }
}
