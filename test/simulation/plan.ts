import type { Draw } from "./draw.ts";
import { createDraw } from "./draw.ts";
import { batchesBetween, type Misbehaviour } from "./simulated/data.ts";
import type { NetworkFaults } from "./simulated/process.ts";

/** When a fault comes: at a time, or soon after a coordinator has entered a state for the n-th time. */
export type Moment =
  | { readonly atMs: number }
  | { readonly state: string; readonly visit: number; readonly delayMs: number };

const kinds = [
  ...(["kill", "kill at a write", "pause", "leave", "join", "break version"] as const),
  ...(["damage copies", "lose copies", "fill disk", "lose moments"] as const),
  ...(["fail over", "abort", "retry", "forget", "write from outside"] as const),
  "hang drain" as const,
];
/** Kinds that came later: each is drawn from a stream of its own, so that earlier seeds stay what they were. */
const laterKinds = ["replace host", "replace host by a fresh one"] as const;
const pauseKinds = ["pause upgrade", "leave upgrade paused"] as const;
/** The trouble that comes while an upgrade is paused. */
const kindsMeanwhile = [
  ...(["kill", "kill at a write", "pause", "leave", "lose copies"] as const),
  ...(["fail over", "abort", "forget", "write from outside"] as const),
];

export interface Fault {
  readonly kind: (typeof kinds)[number] | (typeof laterKinds)[number] | (typeof pauseKinds)[number];
  readonly when: Moment;
  /** Number of a host, from 0; whoever is master then, for `master`. */
  readonly whom: number | "master";
  /** How long it lasts, or by how much a clock is moved. */
  readonly ms: number;
  readonly version: string;
}

/** One upgrade that an operator asks for. */
export interface Ask {
  readonly restMs: number;
  readonly to: string;
  /** How its steps go wrong, if they do. */
  readonly misbehaviour: Misbehaviour;
}

/** Everything that a run is to go through, before anything runs: faults can be taken out of it. */
export interface Plan {
  readonly seed: number;
  readonly hosts: number;
  readonly asks: readonly Ask[];
  readonly networkFaults: NetworkFaults;
  readonly faults: readonly Fault[];
}

export const firstVersion = "1.0.0";
export const versions: readonly string[] = Array.from({ length: 10 }, (_, minor) => `1.${minor}.0`);

const states = [
  ...["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers", "rolling-back"],
  ...["done", "rolled-back", "blocked"],
];

function drawMisbehaviour(draw: Draw, batches: number): Misbehaviour {
  const place = { batch: draw.below(Math.max(1, batches)), host: draw.below(3) };
  const readiness = draw.fork("readiness");
  if (draw.chance(0.5)) return { kind: "none", ...place };
  const wrong = [
    ...(["fails", "fails-in-rehearsal", "hangs", "ignores-its-signal", "kills"] as const),
    ...(["goes-on-after-its-signal", "local-fails", "local-hangs", "local-kills"] as const),
    ...(["differs", "rebuilt"] as const),
  ];
  const kind = draw.pick(wrong);
  if (!readiness.chance(0.25)) return { kind, ...place };
  const unready = [
    ...(["readiness-fails", "readiness-hangs", "readiness-kills", "readiness-writes"] as const),
  ];
  return { kind: readiness.pick(unready), ...place };
}

/** Swarm testing: each run has some kinds of faults only, so that each gets deep somewhere. */
function drawWeather(draw: Draw): NetworkFaults {
  const some = (value: number) => (draw.chance(0.4) ? value * draw.part() : 0);
  return {
    typicalMs: draw.pick([0, 1, 4, 20, 80]),
    slow: some(0.2),
    slowMs: 50 + draw.below(4_000),
    lost: some(0.03),
    answerLost: some(0.03),
    doubled: some(0.1),
    late: some(0.03),
  };
}

function drawMoment(draw: Draw, endMs: number): Moment {
  if (draw.chance(0.4)) return { atMs: draw.below(endMs) };
  const delayMs = draw.chance(0.5) ? draw.below(40) : draw.below(3_000);
  const visit = draw.chance(0.5) ? 1 : 1 + draw.below(4);
  return { state: draw.pick(states), visit, delayMs };
}

/** An operator pauses an upgrade, resumes it or does not, and something happens meanwhile or does not. */
function drawPause(draw: Draw, hosts: number): readonly Fault[] {
  if (!draw.chance(0.25)) return [];
  const state = draw.pick(["waiting", "backing-up", "rehearsing", "migrating", "migrating"]);
  const pause: Fault = {
    kind: draw.pick(pauseKinds),
    when: { state, visit: 1 + draw.below(2), delayMs: draw.below(1_000) },
    ...{ whom: 0, ms: draw.below(15_000), version: firstVersion },
  };
  if (draw.chance(0.4)) return [pause];
  const meanwhile: Fault = {
    kind: draw.pick(kindsMeanwhile),
    when: { state: "paused", visit: 1, delayMs: draw.below(3_000) },
    whom: draw.chance(0.5) ? "master" : draw.below(hosts),
    ...{ ms: draw.below(15_000), version: firstVersion },
  };
  return [pause, meanwhile];
}

export function drawPlan(seed: number): Plan {
  const draw = createDraw(seed).fork("plan");
  const hosts = 3 + draw.below(3);
  const asks: Ask[] = [];
  let minor = 0;
  for (let count = 1 + draw.below(4); count > 0; count -= 1) {
    const from = `1.${minor}.0`;
    minor += draw.chance(0.8) ? 1 : 2;
    const to = `1.${minor}.0`;
    const restMs = draw.chance(0.5) ? draw.below(5_000) : draw.below(90_000);
    const batches = batchesBetween(from, to).length;
    asks.push({ restMs, to, misbehaviour: drawMisbehaviour(draw, batches) });
  }
  const some = kinds.filter(() => draw.chance(0.4));
  const endMs = asks.reduce((sum, { restMs }) => sum + restMs + 10_000, 0);
  const faults =
    some.length === 0
      ? []
      : Array.from({ length: draw.below(12) }, (): Fault => {
          const kind = draw.pick(some);
          const hour = draw.chance(0.3) ? 60 * 60_000 : draw.below(4_000) - 2_000;
          return {
            kind,
            when: drawMoment(draw, endMs),
            whom: draw.chance(0.5) ? "master" : draw.below(hosts),
            ms: kind === "fail over" ? hour : draw.below(15_000),
            version: draw.pick(versions.slice(0, minor + 1)),
          };
        });
  const networkFaults = drawWeather(draw);
  const later = draw.fork("later");
  const replaced: Fault[] = later.chance(0.15)
    ? [
        {
          kind: later.pick(laterKinds),
          when: drawMoment(later, endMs),
          ...{ whom: later.below(hosts), ms: later.below(15_000), version: firstVersion },
        },
      ]
    : [];
  const paused = drawPause(draw.fork("pauses"), hosts);
  return { seed, hosts, asks, networkFaults, faults: [...faults, ...replaced, ...paused] };
}

const momentOf = (when: Moment) =>
  "atMs" in when
    ? `at ${(when.atMs / 1000).toFixed(3)} s`
    : `${when.delayMs} ms after ${when.state} (${when.visit})`;

/** A fault in words. */
export function inWords({ kind, when, whom, ms, version }: Fault): string {
  const who = whom === "master" ? "the master" : `a${whom + 1}`;
  return `${kind} (${who}, ${ms} ms, ${version}) ${momentOf(when)}`;
}
