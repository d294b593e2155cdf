import { conditionsOf } from "../../../operator/conditions.ts";
import type { FleetClient } from "../../../operator/fleet-client.ts";
import type { FleetStatus } from "../../../operator/status.ts";
import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { agentChanges } from "../../render/changes.ts";
import { clockTime, renderStatus } from "../../render/fleet.ts";
import type { Screen } from "../../render/screen.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";
import { printChanges } from "../../wait-for-end.ts";

type Show = (status: FleetStatus) => void;

/** The status without the times that pass by themselves. */
function newsOf({ now, master, agents, ...rest }: FleetStatus): string {
  const { agent, epoch, live } = master ?? {};
  const still = agents.map(({ lastSeenAt, ...facts }) => facts);
  return JSON.stringify({ ...rest, master: { agent, epoch, live }, agents: still });
}

/** One JSON object for each change. */
function printJson({ out }: Terminal): Show {
  let last = "";
  return (status) => {
    const news = newsOf(status);
    if (news === last) return;
    last = news;
    out(jsonLine({ type: "status", ...status, conditions: conditionsOf(status) }));
  };
}

/** One line for each change of the upgrade or of an agent. */
function printLines(terminal: Terminal): Show {
  const print = printChanges({}, terminal);
  let before: FleetStatus | undefined;
  return (status) => {
    print(status);
    for (const line of agentChanges(before, status, terminal.sayWord)) terminal.out(line);
    before = status;
  };
}

/** The whole status, painted again. */
function paint(screen: Screen, { sayWord }: Terminal): Show {
  return (status) => {
    const head = `lockstep watch, as of ${clockTime(status.now)}: Ctrl-C ends this view, and nothing else`;
    screen.paint(`${head}\n${renderStatus(status, sayWord)}`);
  };
}

/** Shows each change until the watch is interrupted. */
export async function watchFleet(
  fleet: FleetClient,
  options: Pick<SharedOptions, "json">,
  terminal: Terminal,
): Promise<void> {
  const { screen } = terminal;
  const isPainted = screen !== null && !options.json;
  const printed = options.json ? printJson(terminal) : printLines(terminal);
  const show = isPainted ? paint(screen, terminal) : printed;
  let last: FleetStatus | undefined;
  try {
    for await (const status of fleet.watch({ signal: terminal.signal })) {
      // A view after Ctrl-C would hide what was said of that.
      if (terminal.signal.aborted) continue;
      last = status;
      show(status);
    }
  } finally {
    screen?.leave();
    // The last view stays where it can be read and copied.
    if (isPainted && last) terminal.out(renderStatus(last, terminal.sayWord));
  }
}

/** `lockstep watch`: shows each change until Ctrl-C. */
export function watch(options: SharedOptions, terminal: Terminal): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    await watchFleet(fleet, options, terminal);
    return exitCodes.done;
  });
}
