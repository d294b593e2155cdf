import { isStateServerHeard, startServer } from "../conditions.ts";
import type { AgentStatus } from "../status.ts";
import { earlyWritesPage } from "../upgrade-facts/early-writes.ts";
import type { UpgradeStatus } from "../upgrade-status.ts";
import type { ExplainFacts } from "./facts.ts";

/** A command that is of use now, or work without one. */
export interface NextCommand {
  /** The command, or null where the work is not one of `lockstep`. */
  readonly command: string | null;
  readonly why: string;
}

const command = (text: string, why: string): NextCommand => ({ command: text, why });
const work = (why: string): NextCommand => ({ command: null, why });

/** The codes of failures that a rehearsal by hand shows again. */
const shownByRehearsal: readonly string[] = [
  ...["step-failed", "duplicate", "schema-conflict", "step-not-deterministic"],
  ...["step-kills-process", "bad-argument"],
];

function afterRollBack({ to, reason, restoreOf }: UpgradeStatus): readonly NextCommand[] {
  const code = reason?.code ?? "";
  if (restoreOf !== null) return [work("mend the cause, then ask for the restore again")];
  const again = command(
    `lockstep upgrade ${to}`,
    "once the cause is mended, with the same version",
  );
  if (code === "aborted") return [command(`lockstep upgrade ${to}`, "to try it again")];
  if (!shownByRehearsal.includes(code)) return [again];
  return [
    command(
      `lockstep rehearse ${to} --steps MODULE --directory DIRECTORY`,
      "tries the mended steps on a copy, while the fleet runs on",
    ),
    again,
  ];
}

function afterBlock({ reason }: UpgradeStatus): readonly NextCommand[] {
  return reason?.code === "foreign-writes"
    ? [
        work("stop the writers outside the fleet"),
        command(
          "lockstep retry",
          "saves what they wrote to a file, takes it back, and asks for the database's name first",
        ),
      ]
    : [
        work("mend the cause above; nothing runs out of time meanwhile"),
        command("lockstep retry", "goes on with the way back"),
      ];
}

/** The way back has kept the writes before the copies. */
function afterEarlyWrites({ from, to, earlyWrites }: UpgradeStatus): readonly NextCommand[] {
  if (earlyWrites.length === 0) return [];
  const undo = `undo by hand those early writes with which ${from} cannot live`;
  return [work(`${undo}, and let ${to} write nothing as it starts: ${earlyWritesPage}`)];
}

function afterEnd(upgrade: UpgradeStatus): readonly NextCommand[] {
  const serving = upgrade.notServing.map(({ agent }) =>
    command(`lockstep explain ${agent}`, `why ${agent} does not serve`),
  );
  if (upgrade.state !== "rolled-back") return serving;
  return [...serving, ...afterEarlyWrites(upgrade), ...afterRollBack(upgrade)];
}

function forSilent(agents: readonly AgentStatus[]): readonly NextCommand[] {
  return agents.flatMap(({ agent, silent, host }) =>
    silent
      ? [
          work(`start ${agent} on host ${host}`),
          command(`lockstep forget ${agent}`, `where ${agent} never comes back`),
        ]
      : [],
  );
}

/** The commands that are of use for an upgrade now. Pure. */
export function nextForUpgrade({ status, context }: ExplainFacts): readonly NextCommand[] {
  const { upgrade, agents, master } = status;
  const silent = forSilent(agents);
  if (upgrade === null) return silent;
  if (upgrade.final) return [...afterEnd(upgrade), ...silent];
  const isDead = !master?.live && !isStateServerHeard(status);
  const lead = isDead ? [work(startServer)] : [];
  if (context === null) return [...lead, work(upgrade.next)];
  if (upgrade.state === "blocked") return [...lead, ...afterBlock(upgrade), ...silent];
  const watch = command("lockstep watch", "shows each change until the end");
  if (upgrade.state === "rolling-back") return [...lead, watch, ...silent];
  const goesOn =
    upgrade.state === "paused"
      ? "goes on with the migration from where it stopped"
      : "withdraws the pause before it begins";
  const resume =
    upgrade.howToPause === "lockstep resume" ? [command("lockstep resume", goesOn)] : [];
  const abort = command("lockstep abort", "turns the fleet back to the old version now");
  return [...lead, ...resume, watch, abort, ...silent];
}

/** The commands that are of use for one agent now. Pure. */
export function nextForAgent(
  { status }: ExplainFacts,
  agent: AgentStatus,
  isTroubled: boolean,
): readonly NextCommand[] {
  const fleet =
    status.upgrade && !status.upgrade.final
      ? [command("lockstep explain", "the upgrade in which it takes part")]
      : [];
  if (agent.silent) return [...forSilent([agent]), ...fleet];
  if (agent.blocked !== null) {
    return [
      work(`mend the cause on host ${agent.host}`),
      command("lockstep retry", "lets it try again at once"),
      ...fleet,
    ];
  }
  return isTroubled
    ? [work(`read the log of process ${agent.pid} on host ${agent.host}`), ...fleet]
    : fleet;
}
