import type { Explanation } from "../../operator/explanation/explain.ts";
import { printableLine } from "../../printable.ts";
import { docsLinkOf } from "./docs-link.ts";
import { type SayWord, sayPlainly } from "./words.ts";

/** A part of the explanation under its heading, or nothing where it is empty. */
function part(heading: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [heading, ...lines.map((line) => `  ${printableLine(line)}`)];
}

function causeLines({ who, code, message, details }: Explanation["causes"][number]) {
  const facts = Object.keys(details).length > 0 ? [`  ${JSON.stringify(details)}`] : [];
  const link = code === null ? [] : [`  see ${docsLinkOf(code)}`];
  return [`${who}: ${code === null ? "" : `${code}: `}${message}`, ...facts, ...link];
}

function nextLine({ command, why }: Explanation["next"][number]): string {
  return command === null ? why : `${command}   ${why}`;
}

/** The explanation for people. Pure. */
export function renderExplanation(explanation: Explanation, sayWord: SayWord = sayPlainly): string {
  const { subject, condition, causes, tried, safe, next } = explanation;
  const { word, what, todo } = condition ?? {};
  const is = word === undefined ? [] : [`${sayWord(word)}: ${what}${todo ? `: ${todo}` : ""}`];
  return [
    printableLine(subject),
    ...is.map((line) => printableLine(`  ${line}`)),
    ...part("why, the outermost cause first", causes.flatMap(causeLines)),
    ...(causes.length === 0 ? ["nothing has failed"] : []),
    ...part("tried so far", tried),
    ...part("safe now", safe),
    ...part("next", next.map(nextLine)),
  ].join("\n");
}
