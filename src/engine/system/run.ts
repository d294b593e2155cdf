import { limits } from "../../limits.ts";
import { lifeOf, type WorkRecord } from "../journal/entry.ts";
import type { RunStamp } from "./outcome.ts";

/** One run of a system: the work and the timers that it asks for, in their order. */
export class Run {
  readonly stamp: RunStamp;
  readonly started: WorkRecord[] = [];
  readonly emitted: unknown[] = [];
  readonly closures: (() => unknown)[] = [];
  readonly logged: unknown[][] = [];
  isEndless = false;
  /** The first value that could not be written down. */
  refusal?: { readonly error: unknown };
  #ids = 0;
  #messages = 0;

  constructor(stamp: RunStamp) {
    this.stamp = stamp;
  }

  /** True once it has asked for work or a timer. */
  get hasAsked(): boolean {
    return this.#ids > 0;
  }

  /** An id that names the transition: see `WorkRecord.id`. */
  nextId(): string {
    const { actor, startedAtMs, revision } = this.stamp;
    this.#ids += 1;
    return `${lifeOf(actor, startedAtMs)}${revision}/${this.#ids - 1}`;
  }

  /** Counts a message between actors. False once there are too many of them. */
  countMessage(): boolean {
    this.#messages += 1;
    this.isEndless ||= this.#messages > limits.messagesPerTransitionMax;
    return !this.isEndless;
  }
}
