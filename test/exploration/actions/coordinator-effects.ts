import { copyHoldersOf } from "../../../machines/upgrade-context.ts";
import { isHolder, wayBack, withoutCopy } from "../../../src/upgrade/protocol/data-decisions.ts";
import { goesForward } from "../../../src/upgrade/protocol/master-eligibility.ts";
import { agentOf, type Model, nameOf, spent } from "../model.ts";
import type { Mastership, State } from "../state.ts";
import { type ModelEvent, tailOf } from "../tails.ts";
import { batchesMax, failure, newVersion, oldVersion } from "../vocabulary.ts";
import {
  appendToCoordinator,
  deposed,
  isRefused,
  staleWrites,
  withMaster,
} from "./append-coordinator.ts";
import { type PendingEffect, placeOf } from "./append-participant.ts";

const dataRestored: ModelEvent = { type: "dataRestored", digest: "d" };

/** A pending effect of the coordinator, in the process of a master. */
interface CoordinatorEffect extends PendingEffect {
  readonly master: Mastership;
  /** The coordinator's tail as this process knows it. */
  readonly known: number;
}

function report(
  { model, state, index, master, place }: CoordinatorEffect,
  event: ModelEvent,
): void {
  const answered = master.believed === 0 ? { effect: place } : null;
  appendToCoordinator(model, state, index, event, answered);
}

function failed(
  { model, state, index, master, place }: CoordinatorEffect,
  event: ModelEvent,
): void {
  const left = spent(state, "failures");
  if (!left) return;
  const answered = master.believed === 0 ? { effect: place } : null;
  appendToCoordinator(model, left, index, event, answered, { fault: true });
}

function chooseBackupTime(effect: CoordinatorEffect): void {
  const backup = { time: "1:1", foreignWrites: "only detected", digest: "d", catalogue: "c" };
  report(effect, { type: "backupTimeChosen", backup });
}

/** An agent that holds no copy gives the holders time to lead: it goes on only when none of them is there. */
function holdsOrNobodyIsThere({ state, index }: CoordinatorEffect): "holds" | "alone" | "waits" {
  if (agentOf(state, index).copy) return "holds";
  return state.agents.some(({ up, copy }) => up && copy) ? "waits" : "alone";
}

function rehearse(effect: CoordinatorEffect): void {
  const holds = holdsOrNobodyIsThere(effect);
  const believed = copyHoldersOf(tailOf(effect.state.coordinator).context.copies);
  // One that is believed to hold a copy, and has lost it, does not wait for other holders.
  if (holds === "waits" && !isHolder(nameOf(effect.index), believed)) return;
  if (holds !== "holds") {
    report(effect, { type: "rehearsalFailed", reason: failure });
    return;
  }
  report(effect, { type: "rehearsalPassed", expected: "e", figures: [], growthBytes: 0 });
  failed(effect, { type: "rehearsalFailed", reason: failure });
}

/** A look at the progress; the batch itself is a transaction of its own (see `commitBatch`). */
function migrate(effect: CoordinatorEffect): void {
  const { model, state, index } = effect;
  const done = state.progress ?? -1;
  if (tailOf(effect.known).context.pause !== null) {
    stopAtSafePoint(effect, done + 1);
    return;
  }
  if (done >= batchesMax) {
    report(effect, { type: "migrationDone" });
    return;
  }
  commitBatch(model, state, index, done + 1);
  const paused = spent(state, "pauses");
  if (paused) {
    const label = `${nameOf(index)} is about to commit batch ${done + 1}, and stands still`;
    const working = withMaster(paused, index, { working: done + 1 });
    model.actions.push({ label, state: working, fault: true, broken: [] });
  }
  failed(effect, { type: "migrationFailed", reason: failure });
}

/** Between two batches the steps see that a pause is asked for. */
function stopAtSafePoint(effect: CoordinatorEffect, next: number): void {
  const { model, state, index } = effect;
  // A step that only says so has its next batch under way.
  const works = model.mutant === "paused-step-works-on" && next <= batchesMax;
  const stopped = works ? withMaster(state, index, { working: next }) : state;
  report({ ...effect, state: stopped }, { type: "migrationPaused" });
}

/** It goes on until it is cancelled, or finds somebody else at work. */
function keepHolds(effect: CoordinatorEffect): void {
  failed(effect, { type: "migrationFailed", reason: failure });
}

/** Begins the steps (0) or commits one batch: data, progress and fence change together or not at all. */
function commitBatch(model: Model, state: State, index: number, batch: number): void {
  const what = batch === 0 ? "the beginning of the steps" : `batch ${batch}`;
  if (isRefused(model, state, index)) {
    deposed(model, state, index, what);
    return;
  }
  const idle = withMaster(state, index, { working: null });
  const careless = model.mutant === "batch-counted-twice";
  // The very first write expects no progress of this upgrade, each other one that of its predecessor.
  if (batch > 0 && !careless && state.progress !== batch - 1) {
    const label = `${nameOf(index)} finds ${what} committed`;
    model.actions.push({ label, state: idle, fault: false, broken: [] });
    return;
  }
  const applied = state.applied.map((times, at) => (at === batch - 1 ? times + 1 : times));
  const broken = [...staleWrites(state, index), ...pausedWrites(state)];
  const durable = { ...state, applied, progress: batch };
  const label = `${nameOf(index)} commits ${what}`;
  const known = withMaster(durable, index, { working: null });
  model.actions.push({ label, state: known, fault: false, broken });
  const lost = spent(durable, "lostAnswers");
  // Its transaction is tried again: it finds the progress moved.
  if (!lost) return;
  const again = withMaster(lost, index, { working: batch });
  model.actions.push({ label: `${label}, the answer is lost`, state: again, fault: true, broken });
}

/** No batch takes effect while the upgrade is paused. */
function pausedWrites({ coordinator }: State): readonly string[] {
  const isPaused = coordinator !== 0 && tailOf(coordinator).state === "paused";
  return isPaused ? ["S4: a batch took effect in paused"] : [];
}

function verifyLiveData(effect: CoordinatorEffect): void {
  const complete = effect.state.applied.every((times) => times === 1);
  if (complete) report(effect, { type: "liveDataVerified" });
  else report(effect, { type: "effectFailed", effect: "verifyLiveData", reason: failure });
}

function restore(effect: CoordinatorEffect): void {
  const { model, state, index } = effect;
  const { context } = tailOf(state.coordinator);
  if (wayBack(context, state.progress !== null) !== "restore") {
    report(effect, { type: "dataRestored", digest: null });
    return;
  }
  const holds = holdsOrNobodyIsThere(effect);
  const believed = copyHoldersOf(context.copies);
  // One that is believed to hold a copy (after a retry every agent is) does not wait for other holders.
  if (holds === "waits" && !isHolder(nameOf(index), believed)) return;
  if (holds !== "holds") {
    report(effect, withoutCopy(nameOf(index), believed, failure));
    return;
  }
  if (state.applied.every((times) => times === 0)) {
    report(effect, dataRestored);
  } else {
    if (isRefused(model, state, index)) {
      deposed(model, state, index, "the restore");
      return;
    }
    const broken = staleWrites(state, index);
    const restored = { ...state, applied: state.applied.map(() => 0) };
    const { crashes, deaths, failovers } = state.budget;
    // Restoring and reporting are told apart only by what comes in between.
    if (crashes + deaths + failovers === 0) report({ ...effect, state: restored }, dataRestored);
    else {
      const label = `${nameOf(index)} restores the data`;
      model.actions.push({ label, state: restored, fault: false, broken });
    }
  }
  failed(effect, withoutCopy(nameOf(index), copyHoldersOf(context.copies), failure));
}

const effects = {
  ...{ chooseBackupTime, rehearse, migrate, keepHolds, verifyLiveData, restore },
} as const;

/** The actions of a master's process for the coordinator, as far as it knows it. */
export function coordinatorEffects(
  model: Model,
  state: State,
  index: number,
  master: Mastership,
): void {
  const known = master.believed || state.coordinator;
  if (master.working !== null) {
    commitBatch(model, state, index, master.working);
    // An effect that is told to stop does so before its transaction, or its transaction ends first.
    const told = placeOf(known, "migrate") === undefined;
    if (!told) return;
    const label = `${nameOf(index)} stops before its batch`;
    const stopped = withMaster(state, index, { working: null });
    model.actions.push({ label, state: stopped, fault: false, broken: [] });
    return;
  }
  if (known === 0) return;
  const { version } = agentOf(state, index);
  const canGoForward = goesForward(tailOf(known).context, { agent: nameOf(index), version });
  for (const [name, run] of Object.entries(effects)) {
    const place = placeOf(known, name);
    if (place === undefined) continue;
    const effect = { model, state, index, master, place, known };
    if (canGoForward || name === "restore") run(effect);
    else report(effect, { type: "effectFailed", effect: name, reason: failure });
  }
}

/** The data that an upgrade must end with. */
export function endBreaks(state: State): readonly string[] {
  if (state.coordinator === 0) return [];
  const where = tailOf(state.coordinator).state;
  const wanted = where === "done" ? 1 : where === "rolled-back" ? 0 : undefined;
  if (wanted === undefined || state.applied.every((times) => times === wanted)) return [];
  const version = wanted === 1 ? newVersion : oldVersion;
  return [
    `S9: at the end on ${version} the batches are there ${state.applied.join(" and ")} times`,
  ];
}
