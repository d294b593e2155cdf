import { cutTo, LockstepError } from "./errors.ts";
import { limits } from "./limits.ts";
import { described, type Shape } from "./shape.ts";

/** The kinds of names that people choose. Only the rules below say which names are allowed. */
export type Named = "agent" | "backup" | "fleet" | "step";

interface Rule {
  readonly words: string;
  readonly allowed: RegExp;
  readonly bytesMax: number;
}

const rules: Readonly<Record<Named, Rule>> = {
  agent: {
    words: "lower-case letters, digits and hyphens, the first no hyphen",
    ...{ allowed: /^[a-z0-9][a-z0-9-]*$/, bytesMax: 63 },
  },
  step: {
    words: "lower-case letters, digits and hyphens, the first no hyphen",
    ...{ allowed: /^[a-z0-9][a-z0-9-]*$/, bytesMax: 100 },
  },
  // A backup's name is the name of a folder.
  backup: {
    words: "letters, digits, dots, hyphens and underscores, the first a letter or a digit",
    ...{ allowed: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, bytesMax: 100 },
  },
  // A fleet's name is part of the names of databases.
  fleet: {
    words: 'characters other than /\\. "$*<>:|? and control characters',
    ...{ allowed: /^[^/\\. "$*<>:|?\p{C}]+$/u, bytesMax: limits.fleetNameBytesMax },
  },
};

const shownLengthMax = 200;

/** A name in a message, without characters that a terminal obeys. */
function shown(name: unknown): string {
  if (typeof name !== "string") return described(name);
  return JSON.stringify(cutTo(name, shownLengthMax)).replace(/\p{C}/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}

/** Says which names are allowed where this is not one of them; else null. Pure. */
function troubleWith(kind: Named, name: unknown): string | null {
  const { words, allowed, bytesMax } = rules[kind];
  const isName =
    typeof name === "string" &&
    allowed.test(name) &&
    Buffer.byteLength(name) <= bytesMax &&
    // Every JavaScript object has a property of such a name, so a lookup would find it where nothing is.
    !(name in {});
  if (isName) return null;
  const article = kind === "agent" ? "an" : "a";
  return `expected ${article} ${kind}'s name of 1 to ${bytesMax} bytes: ${words}, and none that every JavaScript object has; found ${shown(name)}`;
}

/**
 * Refuses a name that is not allowed.
 * @param advice what to do next
 * @throws LockstepError `bad-argument`
 */
export function requireName(kind: Named, name: string, advice = "choose another"): void {
  const trouble = troubleWith(kind, name);
  if (trouble !== null) throw new LockstepError("bad-argument", `${trouble}: ${advice}`);
}

/** The shape of a stored name. */
export function nameOf(kind: Named): Shape {
  return (value, path) => {
    const trouble = troubleWith(kind, value);
    return trouble === null ? null : `${path}: ${trouble}`;
  };
}
