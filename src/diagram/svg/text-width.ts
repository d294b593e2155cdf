/** The size of a text, and whether it is bold. */
export interface Font {
  readonly size: number;
  readonly bold?: boolean;
}

/**
 * Widths in parts of the font's size, those of DejaVu Sans. It is the widest of the fonts that a browser may take, so
 * a text fits its box with each of them.
 */
const classes: readonly (readonly [RegExp, number])[] = [
  [/\p{M}|\u200b|\u200c|\u200d/u, 0],
  [/[ijl.,:;'|!`I ]/u, 0.33],
  [/[frt()[\]{}/\\"\-–]/u, 0.42],
  [/[mwMW@%…—]/u, 1],
  [/[A-Z+=<>~^#&→←↻✓−]/u, 0.84],
  [/[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\uff00-\uffef]/u, 1.05],
  [/\p{Extended_Pictographic}/u, 1.4],
  [/[\0-~]/u, 0.64],
];
const otherWidth = 0.8;
const boldFactor = 1.1;

/** The largest width of a text in a sans-serif font. Pure. */
export function textWidth(text: string, { size, bold = false }: Font): number {
  let units = 0;
  for (const character of text) {
    units += classes.find(([pattern]) => pattern.test(character))?.[1] ?? otherWidth;
  }
  return Math.ceil(units * size * (bold ? boldFactor : 1));
}

/** A text that fits this width, with an ellipsis where it was cut. Pure. */
export function fitted(text: string, font: Font, width: number): string {
  if (textWidth(text, font) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, font) > width) {
    characters.pop();
  }
  return `${characters.join("").trimEnd()}…`;
}
