import { styleText } from "node:util";
import type { FleetStatus } from "../src/index.ts";

/** Tells the story on the terminal, with the seconds since it began. */
export interface Narrator {
  chapter(title: string): void;
  say(text: string): void;
  good(text: string): void;
  bad(text: string): void;
  /** Tells what is new in the fleet since the last time. */
  see(status: FleetStatus): void;
  elapsedMs(): number;
}

const plain = process.env["NO_COLOR"] !== undefined || !process.stdout.isTTY;

function paint(style: "bold" | "green" | "red" | "cyan", text: string): string {
  return plain ? text : styleText(style, text);
}

export function createNarrator(monotonicMs: () => number): Narrator {
  const startMs = monotonicMs();
  let seen = "";
  let seenMaster = "";
  let seenBatches = 0;
  const line = (mark: string, text: string) => {
    const seconds = ((monotonicMs() - startMs) / 1000).toFixed(1).padStart(6);
    process.stdout.write(`${seconds} s ${mark} ${text}\n`);
  };
  return {
    chapter(title) {
      process.stdout.write(`\n${paint("bold", title)}\n`);
    },
    say: (text) => line(" ", text),
    good: (text) => line(paint("green", "✓"), text),
    bad: (text) => line(paint("red", "✗"), text),
    see(status) {
      const { master, upgrade } = status;
      const who = master ? `${master.agent} is master in epoch ${master.epoch}` : "no master";
      if (who !== seenMaster) line(paint("cyan", "•"), who);
      seenMaster = who;
      if (!upgrade) return;
      const waits =
        upgrade.final || upgrade.waitingFor.length === 0
          ? ""
          : `, waits for ${upgrade.waitingFor.join(", ")}`;
      const now = `${upgrade.from} → ${upgrade.to}: ${upgrade.state}`;
      if (now !== seen) {
        line(paint("cyan", "•"), `${now}${waits}`);
        seenBatches = 0;
      }
      seen = now;
      if (upgrade.state === "migrating" && upgrade.batches >= seenBatches + 10) {
        seenBatches = upgrade.batches;
        line(" ", `${upgrade.batches} batches committed`);
      }
    },
    elapsedMs: () => monotonicMs() - startMs,
  };
}
