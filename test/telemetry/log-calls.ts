import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One place in the source that writes a line. */
export interface LogCall {
  readonly place: string;
  readonly level: string;
  readonly fields: string;
  readonly message: string;
}

/** The place behind the bracket that closes the one at a place. Brackets in texts and comments are left out. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const sign = text[at] ?? "";
    if (sign === '"' || sign === "'" || sign === "`") {
      for (at += 1; text[at] !== sign; at += 1) if (text[at] === "\\") at += 1;
    } else if (text.startsWith("//", at)) at = text.indexOf("\n", at);
    else if ("([{".includes(sign)) depth += 1;
    else if (")]}".includes(sign)) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  throw new Error(`no bracket closes the one at ${open}`);
}

/** Parts of a list of arguments or of fields, between the commas that are not within brackets or texts. */
export function partsOf(text: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] ?? "";
    if ("([{".includes(sign)) at = closing(text, at) - 1;
    else if (sign === '"' || sign === "'" || sign === "`") {
      for (at += 1; text[at] !== sign; at += 1) if (text[at] === "\\") at += 1;
    } else if (sign === ",") {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...parts, text.slice(from).trim()].filter((part) => part !== "");
}

/** All calls of a log below these folders. */
export async function logCalls(folders: readonly string[]): Promise<readonly LogCall[]> {
  const calls: LogCall[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !/\.tsx?$/.test(path)) continue;
      const text = await readFile(path, "utf8");
      for (const found of text.matchAll(
        /(?:\b|create)log(?:\((?:\{\})?\))?\s*\.(debug|info|warn|error|child)\(/gi,
      )) {
        const open = found.index + found[0].length - 1;
        const [fields = "", message = ""] = partsOf(text.slice(open + 1, closing(text, open) - 1));
        const line = text.slice(0, open).split("\n").length;
        calls.push({ place: `${path}:${line}`, level: found[1] ?? "", fields, message });
      }
    }
  }
  return calls.toSorted((one, other) => (one.place < other.place ? -1 : 1));
}
