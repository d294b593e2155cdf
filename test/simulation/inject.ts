import type { FleetRequest } from "../../src/control/inbox.ts";
import { createDraw } from "./draw.ts";
import type { Fault, Moment, Plan } from "./plan.ts";
import type { Scheduler } from "./scheduler.ts";
import { copyName } from "./simulated/disk.ts";
import type { Host } from "./simulated/host.ts";

/** The targets of faults. */
export interface Victims {
  readonly scheduler: Scheduler;
  readonly hosts: readonly Host[];
  /** The host of whoever holds the lease. */
  master(): Promise<Host | undefined>;
  join(): void;
  /** The primary dies with what no majority has seen; its successor's clock is that much ahead. */
  failOver(aheadMs: number): void;
  loseMoments(ms: number): void;
  ask(request: FleetRequest): Promise<void>;
  writeFromOutside(): Promise<void>;
  note(what: string): void;
}

/** Resolves when the coordinator has entered the state so often. */
export interface Visits {
  after(when: Moment): Promise<void>;
  entered(state: string): void;
}

export function createVisits(scheduler: Scheduler): Visits {
  const counts = new Map<string, number>();
  const waiting: { state: string; visit: number; wake(): void }[] = [];
  return {
    async after(when) {
      if ("atMs" in when) return scheduler.sleep(when.atMs);
      await new Promise<void>((wake) => waiting.push({ ...when, wake }));
      await scheduler.sleep(when.delayMs);
    },
    entered(state) {
      const visit = (counts.get(state) ?? 0) + 1;
      counts.set(state, visit);
      for (const one of waiting) if (one.state === state && one.visit === visit) one.wake();
    },
  };
}

/** Does one thing to one host. */
async function strike(fault: Fault, victims: Victims, plan: Plan): Promise<void> {
  const { hosts, scheduler, note } = victims;
  const { kind, ms, version } = fault;
  const found = fault.whom === "master" ? await victims.master() : hosts[fault.whom];
  const host = found ?? hosts[0];
  if (!host || host.isGone) return;
  const draw = createDraw(plan.seed).fork(`${kind} ${ms}`);
  const present = hosts.filter(({ isGone }) => !isGone);
  // A defect of a version, a kind of disk or an operator's script shows on each host.
  const struck = fault.whom === "master" ? present : [host];
  note(`${kind}: ${host.name}, ${ms} ms, ${version}`);
  switch (kind) {
    case "kill":
      return host.kill();
    case "kill at a write":
      return host.killAtWrite(1 + draw.below(12), draw.chance(0.5));
    case "pause":
      return host.pause(ms);
    case "leave":
      return present.length > 1 ? host.leave() : undefined;
    case "join":
      return victims.join();
    case "replace host":
      return host.replace(false);
    case "replace host by a fresh one":
      return host.replace(true);
    case "break version": {
      for (const { broken } of struck) broken.add(version);
      await scheduler.sleep(ms * 2);
      for (const { broken } of struck) broken.delete(version);
      return;
    }
    case "damage copies":
      for (const { disk } of struck) {
        for (const [id, copy] of disk.copies) {
          copy.damaged = true;
          disk.tampered.add(copyName(id, copy.time));
        }
      }
      return;
    case "lose copies":
      for (const { disk } of struck) {
        for (const [id, copy] of disk.copies) {
          disk.lost.set(id, copy);
          disk.tampered.add(copyName(id, copy.time));
        }
        disk.copies.clear();
      }
      return;
    case "fill disk": {
      for (const one of struck) one.fillDisk(true);
      await scheduler.sleep(ms);
      for (const one of struck) one.fillDisk(false);
      return;
    }
    case "hang drain": {
      for (const one of struck) one.hangDrains(true);
      await scheduler.sleep(ms * 2);
      for (const one of struck) one.hangDrains(false);
      return;
    }
    case "lose moments":
      return victims.loseMoments(ms / 4);
    case "fail over":
      return victims.failOver(ms);
    case "abort":
      return victims.ask({ kind: "abort", why: "drawn" });
    case "pause upgrade":
      await victims.ask({ kind: "pause", why: "drawn" });
      await scheduler.sleep(ms);
      return victims.ask({ kind: "resume" });
    case "leave upgrade paused":
      return victims.ask({ kind: "pause", why: "drawn" });
    case "retry":
      return victims.ask({ kind: "retry", discardForeignWrites: true });
    case "write from outside":
      return victims.writeFromOutside();
    case "forget":
      return victims.ask({ kind: "forget", agent: host.name });
  }
}

/** Injects what the plan says, until somebody says that it is over. */
export function inject(plan: Plan, visits: Visits, victims: Victims, isOver: () => boolean): void {
  for (const fault of plan.faults) {
    void visits.after(fault.when).then(async () => {
      if (!isOver()) await strike(fault, victims, plan);
    });
  }
}
