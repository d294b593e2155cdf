import type { ListedActors } from "../../operator/actors/list.ts";
import type { Receiver, SentByHand } from "../../operator/actors/send-event.ts";
import type { ActorWhy, ShownActor } from "../../operator/actors/show-actor.ts";
import type { MachineCheck } from "../../operator/machines/check-machines.ts";
import type { Versioned } from "./format.ts";

type Listed = ListedActors["actors"][number];
type Trouble = MachineCheck["troubles"][number];

/** One actor of a list, as its worker has last written it down. */
export interface ListedActorLine extends Listed, Versioned {
  readonly type: "listed-actor";
}

/** The end of a page of actors. */
export interface ActorsLine extends Omit<ListedActors, "actors" | "nowMs">, Versioned {
  readonly type: "actors";
  /** The number of actors on this page. */
  readonly count: number;
  /** By the database's clock. */
  readonly now: Date;
}

/** One actor, without its machine. */
export interface ActorLine extends Omit<ShownActor, "values" | "nowMs">, Versioned {
  readonly type: "actor";
  /** In the journal's form of JSON. Null: it has none. */
  readonly context: unknown;
  /** In the journal's form of JSON. Null: it has none. */
  readonly output: unknown;
  /** By the database's clock. */
  readonly now: Date;
}

/** The events, timers and work that can move an actor. */
export interface WhyLine extends Omit<ActorWhy, "nowMs">, Versioned {
  readonly type: "why";
  /** By the database's clock. */
  readonly now: Date;
}

type Outcome = Omit<SentByHand, "receiver" | "notices">;
type Place = Pick<Receiver, "id" | "machine" | "database" | "migratesTo">;

/** The answer to an event. */
export interface SentLine extends Outcome, Place, Versioned {
  readonly type: "sent";
}

/** One trouble that an actor would have with the next version of its machine. */
export interface TroubleLine extends Trouble, Versioned {
  readonly type: "trouble";
  readonly machine: string;
}

/** The check of one machine. */
export interface CheckLine extends Omit<MachineCheck, "troubles">, Versioned {
  readonly type: "check";
  /** The number of its troubles that are listed. */
  readonly troubles: number;
}
