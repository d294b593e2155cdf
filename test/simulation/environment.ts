import { createDraw, type Draw } from "./draw.ts";
import type { Plan } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Misbehaviour } from "./simulated/data.ts";
import type { NetworkFaults } from "./simulated/process.ts";

/** All that faults move but no host owns: the way to the database, its primary, its clock, the steps. */
export interface Environment {
  readonly draw: Draw;
  readonly networkFaults: NetworkFaults;
  readonly primary: { readonly dying: Promise<void> | null };
  /** The database's clock. */
  databaseNowMs(): number;
  readonly isFaulty: boolean;
  misbehaviour(to: string): Misbehaviour;
  momentIsGone(): boolean;
  failOver(aheadMs: number): void;
  loseMoments(ms: number): void;
  /** Nothing goes wrong from now on. */
  calm(): void;
}

export const well: Misbehaviour = { kind: "none", batch: 0, host: 0 };
export const fair: NetworkFaults = {
  ...{ typicalMs: 3, slow: 0, slowMs: 1 },
  ...{ lost: 0, answerLost: 0, doubled: 0, late: 0 },
};

export function createEnvironment(plan: Plan, scheduler: Scheduler): Environment {
  const networkFaults = { ...plan.networkFaults };
  const misbehaviours = new Map(plan.asks.map(({ to, misbehaviour }) => [to, misbehaviour]));
  const primary: { dying: Promise<void> | null } = { dying: null };
  let [isFaulty, momentsGoneUntilMs, aheadMs] = [true, 0, 10_000_000];
  return {
    ...{ draw: createDraw(plan.seed), networkFaults, primary },
    databaseNowMs: () => Math.floor(aheadMs + scheduler.nowMs()),
    get isFaulty() {
      return isFaulty;
    },
    misbehaviour: (to) => (isFaulty ? (misbehaviours.get(to) ?? well) : well),
    momentIsGone: () => scheduler.nowMs() < momentsGoneUntilMs,
    failOver(byMs) {
      if (primary.dying) return;
      primary.dying = scheduler.sleep(500 + Math.abs(byMs % 2_500)).then(() => {
        primary.dying = null;
        aheadMs += byMs;
      });
    },
    loseMoments(ms) {
      momentsGoneUntilMs = scheduler.nowMs() + ms;
    },
    calm() {
      [isFaulty, momentsGoneUntilMs] = [false, 0];
      Object.assign(networkFaults, fair);
    },
  };
}
