import { coordinatorEffectNames } from "../../../machines/effect-params.ts";
import type { EngineFigures } from "../../operator/figures/engine-figures.ts";
import type { UpgradesFigures } from "../../operator/figures/upgrades-reader.ts";
import { upgradeStates } from "./fleet-samples.ts";
import type { Sheet } from "./sheet.ts";

const seconds = (ms: number) => ms / 1_000;

/** The samples of the journals of all upgrades. Pure but for the sheet. */
export function putUpgrades(sheet: Sheet, { totals, running }: UpgradesFigures): void {
  const { entered, takeovers, effects } = totals;
  for (const state of upgradeStates) {
    sheet.put("upgrade_transitions_total", entered.get(state) ?? 0, { state });
  }
  sheet.put("upgrade_takeovers_total", takeovers);
  // A counter begins with 0: Prometheus sees no increase in a series that begins with 1.
  for (const effect of new Set([...coordinatorEffectNames, ...effects.keys()])) {
    const { count = 0, sumMs = 0, lastMs } = effects.get(effect) ?? {};
    sheet.put("upgrade_effects_total", count, { effect });
    sheet.put("upgrade_effect_seconds_total", seconds(sumMs), { effect });
    if (lastMs !== undefined) sheet.put("upgrade_effect_last_seconds", seconds(lastMs), { effect });
  }
  for (const [effect, ageMs] of running) {
    sheet.put("upgrade_effect_age_seconds", seconds(ageMs), { effect });
  }
}

/** The samples of an engine. Pure but for the sheet. */
export function putEngine(sheet: Sheet, engine: EngineFigures): void {
  const { machines, workers, entries, counted } = engine;
  sheet.put("engine_machines", engine.machinesAll);
  sheet.put("engine_workers_alive", workers.alive);
  sheet.put("engine_workers_expired", workers.expired);
  sheet.put("engine_journal_entries", entries);
  if (counted !== null) sheet.put("engine_counted_age_seconds", seconds(counted.ageMs));
  for (const { machine, living, held, unowned, timerLagMs } of machines) {
    sheet.put("engine_workers", living, { machine });
    sheet.put("engine_partitions", held, { machine, owner: "held" });
    sheet.put("engine_partitions", unowned, { machine, owner: "unowned" });
    sheet.put("engine_timer_lag_seconds", seconds(timerLagMs), { machine });
  }
  for (const { machine, statuses, working, workAgeMs } of counted?.machines ?? []) {
    for (const [status, count] of Object.entries(statuses)) {
      sheet.put("engine_actors", count, { machine, status });
    }
    sheet.put("engine_actors_working", working, { machine });
    sheet.put("engine_work_age_seconds", seconds(workAgeMs), { machine });
  }
}
