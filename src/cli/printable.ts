const escaped = (text: string, found: RegExp) =>
  text.replace(found, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });

/**
 * A text that a terminal shows and does not obey: names from a backup or from the database may hold the
 * codes that move a cursor, hide a line or turn its direction. They become escapes, which JSON takes as well. Pure.
 */
export function printable(text: string): string {
  return escaped(text, /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu);
}

/** One line for a text that may hold several: a name cannot forge a line of its own. Pure. */
export function printableLine(text: string): string {
  return escaped(text, /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu);
}
