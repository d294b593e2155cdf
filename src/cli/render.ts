import type { LoadProgress } from "../database/backup/load-progress.ts";
import type { FleetStatus, HistoryItem, UpgradeStatus } from "../operator/status.ts";
import { docsLinkOf } from "./docs-link.ts";

/** A span of time for people: `3.2 s`, `4 min 10 s`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(Math.max(0, ms) / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function clockTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function reasonLines(upgrade: UpgradeStatus | HistoryItem, indent: string): string[] {
  if (!upgrade.reason) return [];
  const { code, message, details } = upgrade.reason;
  const facts = Object.keys(details).length > 0 ? [`${indent}${JSON.stringify(details)}`] : [];
  return [`${indent}${code}: ${message}`, ...facts, `${indent}see ${docsLinkOf(code)}`];
}

function kindOf({ upgrade, restoreOf }: UpgradeStatus | HistoryItem): string {
  return restoreOf === null ? `upgrade ${upgrade}` : `restore ${upgrade} of backup ${restoreOf}`;
}

function restoringText({ doneBytes, totalBytes, etaMs }: LoadProgress): string {
  return `${bytesText(doneBytes)} of ${bytesText(totalBytes)} loaded, about ${duration(etaMs)} to go`;
}

function renderUpgrade(upgrade: UpgradeStatus, now: number): string[] {
  const lines = [
    `${kindOf(upgrade)}  ${upgrade.from} → ${upgrade.to}`,
    `  state        ${upgrade.state}, since ${duration(now - upgrade.since)} (${clockTime(upgrade.since)})`,
  ];
  if (upgrade.batches > 0) lines.push(`  progress     ${upgrade.batches} batches committed`);
  if (upgrade.rehearsedMs !== null) {
    const leftMs = upgrade.rehearsedMs - (now - upgrade.since);
    const left =
      upgrade.state === "migrating" && leftMs > 0 ? `, about ${duration(leftMs)} to go` : "";
    const grown = upgrade.growthBytes ? `, ${bytesText(upgrade.growthBytes)} more` : "";
    lines.push(`  rehearsed in ${duration(upgrade.rehearsedMs)}${grown}${left}`);
    for (const { step, durationMs, documents } of upgrade.rehearsed) {
      lines.push(`    ${step}  ${duration(durationMs)}, ${documents} documents changed`);
    }
  }
  if (upgrade.restoring) lines.push(`  restoring    ${restoringText(upgrade.restoring)}`);
  if (upgrade.foreignWrites !== null && !upgrade.final) {
    lines.push(`  foreign writes are ${upgrade.foreignWrites}`);
  }
  if (!upgrade.final) {
    lines.push(`  waits for    ${upgrade.waitingFor.join(", ") || "the next step"}`);
    if (upgrade.until !== null) {
      lines.push(
        `  until        ${clockTime(upgrade.until)} (in ${duration(upgrade.until - now)})`,
      );
    }
    lines.push(`  stop it with ${upgrade.howToStop}`);
  }
  lines.push(`  next         ${upgrade.next}`);
  return [...lines, ...reasonLines(upgrade, "  reason       ")];
}

/** The status for people. Pure. */
export function renderStatus(status: FleetStatus): string {
  const { versions, master, upgrade, agents, now } = status;
  const lines = [
    `agent version ${versions.agentVersion}, database version ${versions.databaseVersion}`,
    master
      ? `master ${master.agent} in epoch ${master.epoch}${master.live ? "" : " (its lease has run out)"}`
      : "no master yet",
    ...(upgrade ? renderUpgrade(upgrade, now) : ["no upgrade yet"]),
    "agents",
    ...agents.map((agent) => {
      const notes = [
        agent.silent ? "silent" : "",
        agent.owes ? `owes an undo of ${agent.owes}` : "",
        agent.blocked ? `blocked: ${agent.blocked}` : "",
      ].filter((note) => note !== "");
      const tail = notes.length > 0 ? `, ${notes.join(", ")}` : "";
      return `  ${agent.agent}  ${agent.version}  gate ${agent.gate}, incarnation ${agent.incarnation}${tail}`;
    }),
  ];
  return lines.join("\n");
}

/** One line for each change while waiting. Pure. */
export function renderChange(status: FleetStatus): string {
  const { upgrade, master } = status;
  if (!upgrade) return "no upgrade";
  const by = master ? `${master.agent}, epoch ${master.epoch}` : "nobody";
  const waits = upgrade.waitingFor.length > 0 ? `, waits for ${upgrade.waitingFor.join(", ")}` : "";
  const far = upgrade.restoring ? `, ${restoringText(upgrade.restoring)}` : "";
  return `${upgrade.upgrade} ${upgrade.from} → ${upgrade.to}: ${upgrade.state} (${by})${upgrade.final ? "" : waits}${far}`;
}

/** All upgrades for people. Pure. */
export function renderHistory(history: readonly HistoryItem[]): string {
  if (history.length === 0) return "no upgrade yet";
  return history
    .flatMap((item) => [
      `${item.restoreOf === null ? item.upgrade : kindOf(item)}  ${item.from} → ${item.to}  ${item.state}  ${clockTime(item.startedAt)}${
        item.endedAt === null ? "" : `, took ${duration(item.endedAt - item.startedAt)}`
      }, epochs ${item.epochs.join(", ")}`,
      `  ${item.states.map(({ state, at }) => `${state} +${duration(at - item.startedAt)}`).join(" → ")}`,
      ...reasonLines(item, "  "),
    ])
    .join("\n");
}

/** An amount of data for people: `12.3 MB`. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let amount = bytes;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}
