import type { Film, FilmStep } from "../../operator/film/film.ts";
import type { Drawing } from "../../operator/machines/draw-machine.ts";
import type { Versioned } from "./format.ts";

/** An upgrade that was written to a file. */
export interface ExportedLine extends Versioned {
  readonly type: "exported";
  readonly upgradeId: string;
  readonly path: string;
  readonly bytes: number;
}

/** The upgrade whose steps follow. */
export interface FilmLine extends Omit<Film, "lanes" | "charts">, Versioned {
  readonly type: "film";
  /** The number of actors. */
  readonly actors: number;
}

/** One step of an actor. */
export interface StepLine extends FilmStep, Versioned {
  readonly type: "step";
  readonly actor: string;
  /** The participant's agent, or null for the coordinator. */
  readonly agent: string | null;
}

/** An agent serves for the first time after the upgrade. */
export interface ServesLine extends Versioned {
  readonly type: "serves";
  readonly actor: string;
  readonly agent: string | null;
  /** Milliseconds by the database's clock. */
  readonly at: number;
}

/** A machine as a picture, in the line itself or in a file. */
export interface DiagramLine extends Omit<Drawing, "text">, Versioned {
  readonly type: "diagram";
  /** The picture, where it is not in a file. */
  readonly text?: string;
  /** The file, where one was named. */
  readonly path?: string;
}
