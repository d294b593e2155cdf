import { isLockstepError, LockstepError, messageOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { redactUrl } from "../log.ts";
import type { Film } from "../operator/film/film.ts";
import type { FleetClient } from "../operator/fleet-client.ts";
import type { FleetStatus } from "../operator/status.ts";
import type { Clock } from "../ports/clock.ts";
import { createWakeUp } from "../ports/waiting/wake-up.ts";
import { type Frame, frameBetween } from "./frames.ts";
import { emptyView, type FleetView, viewOf, type WholeView } from "./view.ts";

/** A frame as it goes to a page: its id, and its text. */
export interface Sent {
  readonly id: string;
  readonly text: string;
}

/** One page that follows. */
export interface Follower {
  /** Returns false where the page has too much unread. It gets nothing more then. */
  send(sent: Sent): boolean;
  /** Sends a sign of life, with the time since the last reading of the fleet. */
  beat(ageMs: number): boolean;
  end(): void;
}

export interface FeedOptions {
  readonly fleet: Pick<FleetClient, "watch" | "history" | "film" | "explain">;
  readonly of: FleetView["fleet"];
  readonly clock: Clock;
  /** Names this process: the numbers of another one mean nothing here. */
  readonly instance: string;
}

/** Reads the fleet for all pages at once, and only while one follows. */
export interface Feed {
  readonly view: WholeView;
  /** The latest status, or null before the first. */
  readonly status: FleetStatus | null;
  /** The milliseconds since the last reading of the fleet; null before the first. */
  ageMs(): number | null;
  /**
   * Follows from the frame after `lastId`, or from a whole view where that frame is not kept.
   * @returns how to stop
   * @throws LockstepError `too-many-requests`
   */
  follow(follower: Follower, lastId?: string): () => void;
  close(): Promise<void>;
}

export function createFeed(options: FeedOptions): Feed {
  return new LiveFeed(options);
}

class LiveFeed implements Feed {
  readonly #options: FeedOptions;
  readonly #followers = new Set<Follower>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #news: ReturnType<typeof createWakeUp>;
  #kept: readonly Sent[] = [];
  #number = 0;
  #idle = new AbortController();
  #readAtMs: number | null = null;
  #historyOf = "";
  #explainedOf = "";
  view: WholeView;
  status: FleetStatus | null = null;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.view = emptyView(options.of);
    this.#news = createWakeUp(options.clock);
    this.#running = Promise.all([this.#run(), this.#beats()]).then(() => {});
  }

  ageMs(): number | null {
    return this.#readAtMs === null ? null : this.#options.clock.monotonicMs() - this.#readAtMs;
  }

  follow(follower: Follower, lastId?: string): () => void {
    if (this.#followers.size >= limits.dashboardStreamsMax) {
      throw new LockstepError(
        "too-many-requests",
        `expected at most ${limits.dashboardStreamsMax} pages that follow this dashboard, found so many already: close one`,
      );
    }
    const from = this.#kept.findIndex(({ id }) => id === lastId);
    const missed = from < 0 ? [this.#whole()] : this.#kept.slice(from + 1);
    for (const sent of missed) follower.send(sent);
    this.#followers.add(follower);
    this.#news.hint();
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#idle.abort();
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const follower of this.#followers) follower.end();
    this.#followers.clear();
    await this.#running;
  }

  /** The id of a whole view is that of the latest frame in it. */
  #whole(): Sent {
    const frame = frameBetween(null, this.view, this.status?.now ?? 0);
    return { id: this.#id(), text: JSON.stringify(frame) };
  }

  #id(): string {
    return `${this.#options.instance}-${this.#number}`;
  }

  #publish(view: WholeView): void {
    const frame = frameBetween(this.view, view, this.status?.now ?? 0);
    this.view = view;
    if (frame !== null) this.#send(frame);
  }

  #send(frame: Frame): void {
    this.#number += 1;
    const sent = { id: this.#id(), text: JSON.stringify(frame) };
    this.#kept = withinBounds([...this.#kept, sent]);
    for (const follower of this.#followers) {
      if (!follower.send(sent)) this.#drop(follower);
    }
  }

  /** A page that does not read is left alone: it finds out, and begins with a whole view. */
  #drop(follower: Follower): void {
    this.#followers.delete(follower);
    follower.end();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (this.#followers.size === 0) {
        await this.#news.wait(limits.dashboardIdleMs, signal);
        continue;
      }
      this.#idle = new AbortController();
      await this.#read(AbortSignal.any([signal, this.#idle.signal]));
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { fleet, of, clock } = this.#options;
    try {
      for await (const status of fleet.watch({ signal })) {
        if (signal.aborted) return;
        this.status = status;
        const readings = {
          history: await this.#readHistory(status),
          explanation: await this.#explain(status),
          film: await this.#film(status),
        };
        this.#readAtMs = clock.monotonicMs();
        this.#publish(viewOf(of, status, readings));
        await clock.sleep(limits.dashboardPauseMs, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      const code = isLockstepError(error) ? error.code : "unexpected";
      this.#publish({ ...this.view, trouble: { code, message: redactUrl(messageOf(error)) } });
      await clock.sleep(limits.dashboardRetryMs, signal);
    }
  }

  /** Reads the past upgrades where one has begun or ended since. */
  async #readHistory({ upgrade }: FleetStatus): Promise<WholeView["history"]> {
    const of = `${upgrade?.upgradeId} ${upgrade?.state} ${upgrade?.downtime.until}`;
    if (of === this.#historyOf) return this.view.history;
    const history = await this.#options.fleet.history();
    this.#historyOf = of;
    return history.slice(-limits.dashboardHistoryMax);
  }

  /** Explains trouble anew where another state or another agent is in it. */
  async #explain({ upgrade }: FleetStatus): Promise<WholeView["explanation"]> {
    if (upgrade === null) return null;
    const { upgradeId, state, reason, silent, notServing } = upgrade;
    if (reason === null && silent.length + notServing.length === 0) return null;
    const names = [...silent, ...notServing].map(({ agent }) => agent);
    const of = [upgradeId, state, reason?.message, ...names].join(" ");
    if (of === this.#explainedOf && this.view.explanation) return this.view.explanation;
    this.#explainedOf = of;
    return this.#options.fleet.explain();
  }

  /** The film of the latest upgrade. Once everybody has come to the end, it does not change any more. */
  async #film({ upgrade, agents }: FleetStatus): Promise<Film | null> {
    if (upgrade === null || agents.length > limits.dashboardFilmAgentsMax) return null;
    const { film } = this.view;
    const isOver = film?.final && film.lanes.every((lane) => !lane.required || lane.servedAt);
    if (isOver && film.upgradeId === upgrade.upgradeId) return film;
    return this.#options.fleet.film(upgrade.upgradeId);
  }

  async #beats(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await clock.sleep(limits.dashboardBeatMs, signal);
      for (const follower of this.#followers) {
        if (!follower.beat(this.ageMs() ?? 0)) this.#drop(follower);
      }
    }
  }
}

/** The last frames that fit into the bounds. A page that has missed more gets a whole view. */
function withinBounds(kept: readonly Sent[]): readonly Sent[] {
  const last = kept.slice(-limits.dashboardFramesKept);
  let length = 0;
  const first = last.findLastIndex(({ text }) => {
    length += text.length;
    return length > limits.dashboardFramesLengthMax;
  });
  return last.slice(first + 1);
}
