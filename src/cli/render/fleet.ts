import { counted } from "../../counted.ts";
import { cutTo } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Condition, conditionsOf } from "../../operator/conditions.ts";
import type { HistoryItem } from "../../operator/history.ts";
import type {
  AgentStatus,
  CopiesMade,
  Downtime,
  FleetStatus,
  LoadProgress,
  SavedWrites,
  StepsProgress,
} from "../../operator/status.ts";
import { earlyWritesPage } from "../../operator/upgrade-facts/early-writes.ts";
import type { UpgradeStatus } from "../../operator/upgrade-status.ts";
import { timeSpan } from "../../time-span.ts";
import { docsLinkOf } from "./docs-link.ts";
import { type SayWord, sayPlainly } from "./words.ts";

/** A moment for people, in the same time zone everywhere. */
export function clockTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

function reasonLines(upgrade: UpgradeStatus | HistoryItem, indent: string): string[] {
  if (!upgrade.reason) return [];
  const { code, message, details } = upgrade.reason;
  const facts = Object.keys(details).length > 0 ? [`${indent}${JSON.stringify(details)}`] : [];
  return [`${indent}${code}: ${message}`, ...facts, `${indent}see ${docsLinkOf(code)}`];
}

function kindOf({ upgradeId, restoreOf }: UpgradeStatus | HistoryItem): string {
  return restoreOf === null
    ? `upgrade ${upgradeId}`
    : `restore ${upgradeId} of backup ${restoreOf}`;
}

function restoringText({ doneBytes, totalBytes, etaMs }: LoadProgress): string {
  return `${bytesText(doneBytes)} of ${bytesText(totalBytes)} loaded, about ${timeSpan(etaMs)} to go`;
}

/** The progress of the schema steps: `step 1 of 2 titles, 3 of 9 batches, …`. */
function progressText(progress: StepsProgress): string {
  const { step, steps, stepName, batches, documents, operation, documentsPerSecond } = progress;
  const of = (done: number, total: number | null, ...noun: [string, string?]) =>
    total === null ? counted(done, ...noun) : `${done} of ${counted(total, ...noun)}`;
  const { batchesTotal, documentsTotal, operationDocuments, operationTotal, etaMs } = progress;
  const within =
    operation === null || documentsTotal !== null || operationTotal === null
      ? []
      : [`${operation}: ${operationDocuments} in a collection of ${operationTotal}`];
  return [
    `step ${step} of ${steps} "${stepName}"`,
    of(batches, batchesTotal, "batch", "batches"),
    of(documents, documentsTotal, "document"),
    ...within,
    ...(documentsPerSecond === null ? [] : [`${documentsPerSecond} documents a second`]),
    ...(etaMs === null ? [] : [`${timeSpan(etaMs.least)} to ${timeSpan(etaMs.most)} to go`]),
  ].join(", ");
}

/** The writes of others that were taken back. */
function savedText({ agent, path, documents, deletions }: SavedWrites): string {
  const saved =
    path === null
      ? []
      : [`${counted(documents, "document")} of others, taken back and kept in ${path} on ${agent}`];
  const undone = deletions === 0 ? [] : [`${counted(deletions, "deletion")} of others taken back`];
  return [...saved, ...undone].join(", ");
}

/** The changes that no copy precedes, and the page that explains them. */
function earlyWritesText(earlyWrites: readonly string[]): string {
  return `${earlyWrites.join("; ")}: a way back keeps them, see ${earlyWritesPage}`;
}

/** True for an explanation that the reader has not seen yet. */
type IsNews = (text: string) => boolean;
const allIsNews: IsNews = () => true;

/** ` (why)`, or nothing for a long explanation that the reader has seen. */
function inParentheses(why: string, isNews: IsNews): string {
  return why.length <= limits.shownAgainLengthMax || isNews(why) ? ` (${why})` : "";
}

/** `2 of 3 copies (a1: not permitted)`. */
function copiesText({ made, of, missing }: CopiesMade, isNews = allIsNews): string {
  const why = missing.map(({ agent, why: reason }) => {
    return `${agent}: ${cutTo(reason, limits.shownReasonLengthMax)}`;
  });
  return `${made} of ${of} copies${why.length > 0 ? inParentheses(why.join("; "), isNews) : ""}`;
}

/** The copies where one is missing: the way back hangs on fewer hosts than the operator may believe. */
function missingCopies({ copies }: UpgradeStatus | HistoryItem, isNews = allIsNews): string | null {
  return copies !== null && copies.missing.length > 0 ? copiesText(copies, isNews) : null;
}

function renderUpgrade(
  upgrade: UpgradeStatus,
  condition: Condition,
  now: number,
  sayWord: SayWord,
): string[] {
  const lines = [
    `${kindOf(upgrade)}  ${upgrade.from} → ${upgrade.to}`,
    `  state        ${upgrade.state} for ${timeSpan(now - upgrade.since)}, since ${clockTime(upgrade.since)}`,
    `  ${sayWord(condition.word).padEnd(12)} ${condition.what}${condition.todo === null ? "" : `: ${condition.todo}`}`,
  ];
  if (upgrade.progress) lines.push(`  progress     ${progressText(upgrade.progress)}`);
  else if (upgrade.batches > 0)
    lines.push(`  progress     ${counted(upgrade.batches, "batch", "batches")} committed`);
  if (upgrade.rehearsedMs !== null) {
    const grown = upgrade.growthBytes ? `, ${bytesText(upgrade.growthBytes)} more` : "";
    lines.push(`  rehearsed in ${timeSpan(upgrade.rehearsedMs)}${grown}`);
    for (const { step, durationMs, documents } of upgrade.rehearsed) {
      lines.push(`    ${step}  ${timeSpan(durationMs)}, ${counted(documents, "document")} changed`);
    }
  }
  if (upgrade.copies) lines.push(`  copied       ${copiesText(upgrade.copies)}`);
  if (upgrade.copiedAgain) lines.push(`  copied again ${upgrade.copiedAgain}`);
  if (upgrade.saved) lines.push(`  saved        ${savedText(upgrade.saved)}`);
  if (upgrade.earlyWrites.length > 0) {
    lines.push(`  early writes ${earlyWritesText(upgrade.earlyWrites)}`);
  }
  if (upgrade.restoring) lines.push(`  restoring    ${restoringText(upgrade.restoring)}`);
  if (upgrade.foreignWrites !== null && !upgrade.final) {
    lines.push(`  foreign writes are ${upgrade.foreignWrites}`);
  }
  if (!upgrade.final) {
    lines.push(`  waits for    ${upgrade.waitingFor.join(", ") || "the next step"}`);
    if (upgrade.until !== null) {
      lines.push(
        `  until        ${clockTime(upgrade.until)} (in ${timeSpan(upgrade.until - now)})`,
      );
    }
    for (const { agent, until } of upgrade.silent) {
      const left = until === null ? "" : ` in ${timeSpan(until - now)}`;
      lines.push(
        `  silent       ${agent}: the fleet turns back${left} unless ${agent} is heard; "lockstep forget ${agent}" takes a host out that never comes back, and the upgrade goes on without it`,
      );
    }
    lines.push(`  stop it with ${upgrade.howToStop}`);
    if (upgrade.howToPause !== null) {
      const label = upgrade.pause === null ? "pause with  " : "resume with ";
      lines.push(`  ${label} ${upgrade.howToPause}`);
    }
  }
  const { from, until } = upgrade.downtime;
  if (from !== null && until !== null) {
    lines.push(
      `  down         ${downText(upgrade.downtime)}, from the first gate that began to shut (${clockTime(from)}) to the last required agent that served (${clockTime(until)})`,
    );
  } else if (from !== null && upgrade.final) {
    lines.push(`  down         since ${clockTime(from)}: not every required agent has served yet`);
  } else if (from !== null) {
    lines.push(`  down         since ${clockTime(from)} (${timeSpan(now - from)})`);
  }
  lines.push(`  next         ${upgrade.next}`);
  for (const { agent, why } of upgrade.notServing) lines.push(`  not serving  ${agent}: ${why}`);
  return [...lines, ...reasonLines(upgrade, "  reason       ")];
}

/** The master, or why there is none. */
function masterText({ master, agents, now }: FleetStatus): string {
  if (master === null) return "no master yet";
  const { agent, epoch, live, leaseUntil } = master;
  if (leaseUntil === null)
    return `no master: ${agent} has given up the mastership of epoch ${epoch}`;
  if (!live) {
    return `no master: the lease of ${agent} (epoch ${epoch}) ran out ${timeSpan(now - leaseUntil)} ago`;
  }
  const isSilent = agents.some((record) => record.agent === agent && record.silent);
  const rest = isSilent
    ? `, but it is silent; its lease ends in ${timeSpan(leaseUntil - now)}`
    : "";
  return `master ${agent} in epoch ${epoch}${rest}`;
}

/** One agent with its condition. */
function agentLine(
  agent: AgentStatus,
  { word, what }: Condition,
  now: number,
  sayWord: SayWord,
): string {
  const others = agent.startable.filter((version) => version !== agent.version);
  const left = others.length - limits.versionsShownMax;
  const more = left > 0 ? ` and ${left} more` : "";
  const facts = [
    `gate ${agent.gate}`,
    `incarnation ${agent.incarnation}`,
    agent.startable.length === 0
      ? "runs without a launcher"
      : others.length === 0
        ? "can start no other version"
        : `can start ${others.slice(-limits.versionsShownMax).join(", ")}${more}`,
    agent.drainingSince === null ? "" : `draining for ${timeSpan(now - agent.drainingSince)}`,
    agent.silent ? "silent" : "",
    agent.owes ? `owes an undo of ${agent.owes}` : "",
  ];
  const shown = facts.filter((fact) => fact !== "").join(", ");
  const condition = word === "active" ? sayWord(word) : `${sayWord(word)}: ${what}`;
  return `  ${agent.agent}  ${agent.version}  ${condition}  ${shown}`;
}

/** The status for people. Pure. */
export function renderStatus(status: FleetStatus, sayWord: SayWord = sayPlainly): string {
  const { versions, upgrade, agents, now } = status;
  const conditions = conditionsOf(status);
  const lines = [
    `agent version ${versions.agentVersion}, database version ${versions.databaseVersion}`,
    masterText(status),
    ...(upgrade && conditions.upgrade
      ? renderUpgrade(upgrade, conditions.upgrade, now, sayWord)
      : ["no upgrade yet"]),
    "agents",
    ...agents.flatMap((agent, index) => {
      const condition = conditions.agents[index];
      return condition === undefined ? [] : [agentLine(agent, condition, now, sayWord)];
    }),
  ];
  return lines.join("\n");
}

/** The line of a change with how far the work is. Pure. */
export function renderProgress(status: FleetStatus, isNews = allIsNews): string {
  const { progress } = status.upgrade ?? {};
  return `${renderChange(status, isNews)}${progress ? `, ${progressText(progress)}` : ""}`;
}

/** One line for each change while waiting. A long explanation that is no news is left out. Pure. */
export function renderChange(status: FleetStatus, isNews = allIsNews): string {
  const { upgrade, master } = status;
  if (!upgrade) return "no upgrade";
  const by = master?.live ? `${master.agent}, epoch ${master.epoch}` : "no master";
  const waits = upgrade.waitingFor.length > 0 ? `, waits for ${upgrade.waitingFor.join(", ")}` : "";
  const far = upgrade.restoring ? `, ${restoringText(upgrade.restoring)}` : "";
  const lost = missingCopies(upgrade, isNews);
  const copies = lost === null ? "" : `, ${lost}`;
  const again = upgrade.copiedAgain
    ? `, the copies are made again${inParentheses(upgrade.copiedAgain, isNews)}`
    : "";
  const serving = upgrade.notServing.map(
    ({ agent, why }) => `${agent} to serve${inParentheses(why, isNews)}`,
  );
  const after = serving.length > 0 ? `, waits for ${serving.join(", ")}` : "";
  return `${upgrade.upgradeId} ${upgrade.from} → ${upgrade.to}: ${upgrade.state} (${by})${upgrade.final ? after : waits}${copies}${again}${far}`;
}

function stateText({ state, lastedMs }: HistoryItem["states"][number]): string {
  return lastedMs === null ? state : `${state} ${timeSpan(lastedMs)}`;
}

/** A downtime of which both ends are known. */
function downText({ from, until }: Downtime): string {
  return timeSpan(Number(until) - Number(from));
}

/** All upgrades for people. Pure. */
export function renderHistory(history: readonly HistoryItem[]): string {
  if (history.length === 0) return "no upgrade yet";
  return history
    .flatMap((item) => [
      `${item.restoreOf === null ? item.upgradeId : kindOf(item)}  ${item.from} → ${item.to}  ${item.state}  ${clockTime(item.startedAt)}${
        item.endedAt === null ? "" : `, took ${timeSpan(item.endedAt - item.startedAt)}`
      }${item.downtime.until === null ? "" : `, down ${downText(item.downtime)}`}, epochs ${item.epochs.join(", ")}`,
      `  ${item.states.map(stateText).join(" → ")}`,
      ...(item.saved === null ? [] : [`  ${savedText(item.saved)}`]),
      ...(item.earlyWrites.length === 0
        ? []
        : [`  early writes: ${earlyWritesText(item.earlyWrites)}`]),
      ...(missingCopies(item) === null ? [] : [`  ${missingCopies(item)}`]),
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
