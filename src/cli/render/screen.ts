import type { Look } from "./words.ts";

/** A terminal whose text can be painted again. */
export interface Screen {
  /** Shows this text in place of the one before. */
  paint(text: string): void;
  /** Gives the terminal back as it was before the first text. */
  leave(): void;
}

/** The properties of a stream that make it a terminal. */
interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** The alternate screen keeps the lines before. No cursor jumps about, and no line wraps by itself. */
const enterCodes = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const leaveCodes = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";

/** The indent of the rest of a line that is too long. */
const hang = "    ";

/** A line in parts of at most this width, broken between words where that is possible. Pure. */
export function wrapLine(line: string, columns: number): readonly string[] {
  const parts: string[] = [];
  let rest = line;
  while (rest.length > columns && columns > hang.length) {
    const space = rest.lastIndexOf(" ", columns);
    const end = space > hang.length ? space : columns;
    parts.push(rest.slice(0, end));
    rest = `${hang}${rest.slice(end).trimStart()}`;
  }
  return [...parts, rest];
}

/** The characters that show this text on a screen of this size, in place, without a flicker. Pure. */
export function frameOf(text: string, columns: number, rows: number): string {
  const lines = text.split("\n").flatMap((line) => wrapLine(line, columns));
  const left = lines.length - rows + 1;
  const shown =
    lines.length <= rows
      ? lines
      : [...lines.slice(0, rows - 1), `… ${left} lines more: see \`lockstep status\``];
  return `${home}${shown.map((line) => `${line}${clearLine}`).join("\r\n")}${clearBelow}`;
}

/**
 * The screen of an output, or null where it is a file, a pipe, or a terminal that cannot be painted.
 * @param look how texts are shown there
 */
export function screenOf(
  output: Output,
  environment: Readonly<Record<string, string | undefined>>,
  { safe, coloured }: Pick<Look, "safe" | "coloured">,
): Screen | null {
  const kind = environment["TERM"] ?? "";
  if (output.isTTY !== true || kind === "" || kind === "dumb") return null;
  let [isEntered, last] = [false, ""];
  return {
    paint(text) {
      const frame = coloured(frameOf(safe(text), output.columns ?? 80, output.rows ?? 24));
      if (frame === last) return;
      output.write(isEntered ? frame : `${enterCodes}${frame}`);
      [isEntered, last] = [true, frame];
    },
    leave() {
      if (isEntered) output.write(leaveCodes);
      [isEntered, last] = [false, ""];
    },
  };
}
