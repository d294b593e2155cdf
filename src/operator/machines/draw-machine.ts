import type { AnyStateMachine } from "xstate";
import { participantMachine } from "../../../machines/participant.ts";
import { upgradeMachine } from "../../../machines/upgrade.ts";
import { chartOf } from "../../diagram/chart.ts";
import { mermaidOf } from "../../diagram/mermaid.ts";
import { svgOf } from "../../diagram/svg/draw.ts";
import { layoutOf } from "../../diagram/svg/layout.ts";
import { LockstepError } from "../../errors.ts";
import type { DiagramFormat } from "./diagram-formats.ts";
import { machinesOf } from "./machines-of.ts";

/** A machine as a picture. */
export interface Drawing {
  readonly machine: string;
  readonly format: DiagramFormat;
  readonly text: string;
}

/** The machines of an upgrade, which are drawn where no module is named. */
const own = { upgradeMachine, participantMachine };

function chosen(
  machines: ReadonlyMap<string, AnyStateMachine>,
  name: string | undefined,
): readonly [string, AnyStateMachine] {
  const [first, ...others] = machines;
  const names = [...machines.keys()].join(", ");
  if (first === undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected a module that exports a machine, found none: export a machine of XState, or what `durable` gives",
    );
  }
  if (name === undefined) {
    if (others.length === 0) return first;
    throw new LockstepError(
      "bad-argument",
      `expected one machine, found ${names}: name one of them with --machine`,
      { machines: [...machines.keys()] },
    );
  }
  const machine = machines.get(name);
  if (machine !== undefined) return [name, machine];
  throw new LockstepError(
    "bad-argument",
    `expected --machine to be one of ${names}, found "${name}": name one of these`,
    { machines: [...machines.keys()] },
  );
}

/**
 * Draws a machine that a module exports, or one of an upgrade.
 * @param options.exports default: the machines of an upgrade
 * @param options.machine the name of the machine; default: the only one, or the coordinator of an upgrade
 * @throws LockstepError `bad-argument`
 */
export async function drawMachine(options: {
  readonly exports?: Readonly<Record<string, unknown>> | undefined;
  readonly machine?: string | undefined;
  readonly format: DiagramFormat;
  readonly brief: boolean;
}): Promise<Drawing> {
  const { exports = own, format, brief } = options;
  const name = options.machine ?? (exports === own ? upgradeMachine.id : undefined);
  const [machine, logic] = chosen(machinesOf(exports), name);
  const chart = { ...chartOf(logic), name: machine };
  const text =
    format === "mermaid"
      ? mermaidOf(chart)
      : svgOf(await layoutOf(chart, { brief }), { notes: { brief } });
  return { machine, format, text };
}
