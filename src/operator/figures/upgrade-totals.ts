import { effectKey } from "../../fleet-engine/event-key.ts";
import { visitsOf } from "../../fleet-engine/read/read.ts";
import type { EntryHead } from "../../journal/store.ts";

/** All effects of one name that have ended. */
export interface EffectTotals {
  readonly count: number;
  /** From the entry that asked for each to the entry with its result. */
  readonly sumMs: number;
  readonly lastMs: number;
}

/** Figures of the journals of upgrades. Each of them only grows, but for `lastMs`. */
export interface UpgradeTotals {
  /** The number of times that an upgrade has entered each state. */
  readonly entered: ReadonlyMap<string, number>;
  /** The number of times that another master went on with an upgrade. */
  readonly takeovers: number;
  readonly effects: ReadonlyMap<string, EffectTotals>;
}

export const noUpgrades: UpgradeTotals = { entered: new Map(), takeovers: 0, effects: new Map() };

/** The effects that an upgrade has asked for, by the key of their result, and when. Pure. */
function askedIn(heads: readonly EntryHead[]): ReadonlyMap<string, { name: string; at: number }> {
  const asked = new Map<string, { name: string; at: number }>();
  for (const { effects, at } of heads) {
    for (const { id, name } of effects) {
      const key = effectKey(id);
      if (!asked.has(key)) asked.set(key, { name, at });
    }
  }
  return asked;
}

/** The figures of one upgrade. Pure. */
export function totalsOf(heads: readonly EntryHead[]): UpgradeTotals {
  const entered = new Map<string, number>();
  for (const { state } of visitsOf(heads)) entered.set(state, (entered.get(state) ?? 0) + 1);
  const asked = askedIn(heads);
  const effects = new Map<string, EffectTotals>();
  for (const { eventKey, at } of heads) {
    const effect = asked.get(eventKey ?? "");
    if (effect === undefined) continue;
    const { count = 0, sumMs = 0 } = effects.get(effect.name) ?? {};
    // The database's clock may have gone back in between.
    const lastMs = Math.max(0, at - effect.at);
    effects.set(effect.name, { count: count + 1, sumMs: sumMs + lastMs, lastMs });
  }
  const takeovers = heads.filter(({ outcome }) => outcome === "takeover").length;
  return { entered, takeovers, effects };
}

/** The figures of earlier upgrades and of a later one. Pure. */
export function sumOf(earlier: UpgradeTotals, later: UpgradeTotals): UpgradeTotals {
  const entered = new Map(earlier.entered);
  for (const [state, count] of later.entered) {
    entered.set(state, (entered.get(state) ?? 0) + count);
  }
  const effects = new Map(earlier.effects);
  for (const [name, { count, sumMs, lastMs }] of later.effects) {
    const before = effects.get(name);
    const counted = { count: count + (before?.count ?? 0), sumMs: sumMs + (before?.sumMs ?? 0) };
    effects.set(name, { ...counted, lastMs });
  }
  return { entered, takeovers: earlier.takeovers + later.takeovers, effects };
}

/** The moment at which each pending effect was asked for, the earliest of each name. Pure. */
export function runningSince(heads: readonly EntryHead[]): ReadonlyMap<string, number> {
  const asked = askedIn(heads);
  const since = new Map<string, number>();
  for (const { id, name } of heads.at(-1)?.effects ?? []) {
    const at = asked.get(effectKey(id))?.at ?? 0;
    since.set(name, Math.min(at, since.get(name) ?? at));
  }
  return since;
}
