const escaped = (text: string, found: RegExp) =>
  text.replace(found, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });

/**
 * Makes a text safe for a terminal. Names from a backup or from the database may hold codes that move a cursor, hide
 * a line or turn its direction. They become escapes, which JSON takes as well. Pure.
 */
export function printable(text: string): string {
  return escaped(text, /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu);
}

/** Makes one line of a text, so that a name cannot forge a line. Pure. */
export function printableLine(text: string): string {
  return escaped(text, /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu);
}
