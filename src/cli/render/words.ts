import { styleText } from "node:util";
import { redactUrl } from "../../log.ts";
import { type ConditionWord, conditionWords } from "../../operator/conditions.ts";
import { printable } from "../../printable.ts";

/** Says a status word so that a terminal can show it in its colour, or plainly. Both have the same length. */
export type SayWord = (word: ConditionWord) => string;

export const sayPlainly: SayWord = (word) => word;

/** The colour of each word. It carries nothing that the word does not say. */
const colours = { active: "green", working: "cyan", waiting: "yellow", blocked: "red" } as const;

/** Letters of a private alphabet: a word keeps its length, and no name of a user is coloured by accident. */
const [first, last] = [0xe061, 0xe07a];
const shift = first - "a".charCodeAt(0);
const marked = new RegExp(`[${String.fromCharCode(first)}-${String.fromCharCode(last)}]+`, "g");

const shifted = (word: string, by: number) =>
  String.fromCharCode(...[...word].map((letter) => letter.charCodeAt(0) + by));

/** A status word in the private alphabet. Pure. */
const sayMarked: SayWord = (word) => shifted(word, shift);

/** A text whose marked words are in their colours. Pure. */
function withColours(text: string): string {
  return text.replace(marked, (letters) => {
    const said = shifted(letters, -shift);
    const word = conditionWords.find((each) => each === said);
    return word === undefined ? said : styleText(colours[word], word, { validateStream: false });
  });
}

/** The way in which an output shows texts. */
export interface Look {
  readonly sayWord: SayWord;
  /** Takes out what may do harm on a terminal, and the passwords of URLs. */
  safe(text: string): string;
  /** The last change of a text before it is written. */
  coloured(text: string): string;
}

/** The look of an output with colours, or of one without. Pure. */
export function lookOf(isColoured: boolean): Look {
  return {
    sayWord: isColoured ? sayMarked : sayPlainly,
    safe: (text) => printable(redactUrl(text)),
    coloured: isColoured ? withColours : (text) => text,
  };
}

/** True where an output shows colours, by Node's own rules for NO_COLOR, FORCE_COLOR and TERM. */
export function hasColours(output: NodeJS.WriteStream): boolean {
  return styleText("red", "x", { stream: output }) !== "x";
}
