import { copyHoldersOf, type UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { AgentStatus } from "../status.ts";
import type { UpgradeStatus } from "../upgrade-status.ts";
import type { ExplainFacts } from "./facts.ts";

/** The state of the live data in an upgrade that is under way. */
function dataText({ touched, restored, copies, restoreOf, from }: UpgradeContext): string {
  if (!touched) return "the live data has not been changed";
  if (restored) return `the live data is that of ${from} again`;
  const holders = copyHoldersOf(copies);
  const held =
    holders.length === 0
      ? "no agent reports a copy of the data as it was"
      : `copies of the data as it was are on ${holders.join(", ")}`;
  const what = restoreOf === null ? "the migration has begun" : "the restore has begun";
  return `${what} to change the live data; ${held}: keep those folders`;
}

/** The changes that the way back keeps. */
function notTakenBack({ earlyWrites }: UpgradeStatus): readonly string[] {
  return earlyWrites.length === 0
    ? []
    : [`early writes, which a way back keeps: ${earlyWrites.join("; ")}`];
}

/** The state of data, gates and decisions of an upgrade: this says which acts are safe. Pure. */
export function safetyOfUpgrade({ status, context }: ExplainFacts): readonly string[] {
  const { upgrade, versions } = status;
  if (upgrade === null)
    return [`the fleet is on ${versions.agentVersion}, and nothing is under way`];
  if (upgrade.final) {
    const end =
      upgrade.state === "done"
        ? `${upgrade.to} is committed: no way leads back but a restore`
        : `the fleet is on ${upgrade.from} with the data of ${upgrade.from}`;
    return [end, ...notTakenBack(upgrade), "it is safe to stop and start agents"];
  }
  const shared = [
    "no decision is lost if any process dies now: the journal has it, and another state server goes on",
  ];
  if (context === null) return ["all gates stay shut, so no agent writes", ...shared];
  const gates =
    upgrade.state === "waiting"
      ? "gates shut one after the other; an agent whose gate is open still serves"
      : "all gates are shut, so no agent writes";
  const hands =
    context.touched && !context.restored
      ? ["do not write to the database by hand, and do not start the application without its agent"]
      : [];
  const still =
    upgrade.state === "paused"
      ? ["the live data stands still between two batches: it is safe to read it"]
      : [];
  return [dataText(context), ...notTakenBack(upgrade), ...still, gates, ...shared, ...hands];
}

/** The acts that are safe on one agent now. Pure. */
export function safetyOfAgent({ gate, silent, host, pid }: AgentStatus): readonly string[] {
  const served =
    gate === "open"
      ? "its gate is open: it may serve and write"
      : "its gate is shut: it serves nothing and writes nothing";
  const unheard = silent
    ? [`whether process ${pid} on host ${host} still lives is not known`]
    : ["it is safe to restart it: it goes on where it was"];
  return [served, ...unheard];
}
