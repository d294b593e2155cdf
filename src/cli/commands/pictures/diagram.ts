import type { DiagramFormat } from "../../../operator/machines/diagram-formats.ts";
import { drawMachine } from "../../../operator/machines/draw-machine.ts";
import { writeNamedFile } from "../../../ports/files.ts";
import { importModule } from "../../../ports/import-module.ts";
import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import type { Terminal } from "../../run.ts";

export interface DiagramOptions {
  readonly machine?: string;
  /** The parser takes no other. */
  readonly format?: DiagramFormat;
  readonly brief?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** The form that is asked for, by its name or by that of the file. */
function formatOf({ format, out = "" }: DiagramOptions): DiagramFormat {
  return format ?? (/\.(mmd|mermaid)$/i.test(out) ? "mermaid" : "svg");
}

/** `lockstep diagram [MODULE]`: a machine as a picture. */
export async function diagram(
  module: string | undefined,
  options: DiagramOptions,
  terminal: Terminal,
): Promise<number> {
  const format = formatOf(options);
  const { machine, brief = false, out, json } = options;
  const exports = module === undefined ? undefined : await importModule(module, "MODULE");
  const drawing = await drawMachine({ exports, machine, format, brief });
  if (out !== undefined) await writeNamedFile(out, drawing.text);
  const { text, ...rest } = drawing;
  if (json) {
    const where = out === undefined ? { text } : { path: out };
    terminal.out(jsonLine({ type: "diagram", ...rest, ...where }));
  } else if (out === undefined) terminal.out(text.trimEnd());
  else terminal.out(`${drawing.machine} is in ${out}`);
  return exitCodes.done;
}
