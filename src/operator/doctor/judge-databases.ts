import { counted } from "../../counted.ts";
import { namesShown } from "../names-shown.ts";
import { type Finding, ok, warning } from "./finding.ts";
import { parts } from "./mends.ts";

/** A claim of the fleet on a database. */
export interface FoundClaim {
  readonly name: string;
  /** Its owner and its purpose, in words. */
  readonly words: string;
  /** True where its owner is proven dead. */
  readonly isOver: boolean;
}

/**
 * Judges the scratch databases of a fleet. Pure.
 * @param pool the names of all of them
 * @param filled the names of those that hold something
 * @param claims as they were after that look
 * @param before the claims before it, as one of them may have ended meanwhile
 */
export function judgeScratch(
  pool: readonly string[],
  filled: readonly string[],
  claims: readonly FoundClaim[],
  before: readonly FoundClaim[],
): Finding {
  const isIn = (list: readonly FoundClaim[], name: string) =>
    list.some((claim) => claim.name === name);
  const claimed = pool.filter((name) => isIn(claims, name));
  const strays = filled.filter((name) => !isIn(claims, name) && !isIn(before, name));
  const figure = `${claimed.length} of ${pool.length} are claimed`;
  if (strays.length > 0) {
    return warning(
      parts.scratch,
      `${figure}; nobody has claimed what is left in ${namesShown(strays)}`,
      `the next proof or rehearsal that takes one empties it; to have the room at once, run in mongosh while no rehearsal and no upgrade is under way: ${strays
        .map((name) => `db.getSiblingDB("${name}").dropDatabase()`)
        .join("; ")}`,
    );
  }
  if (claimed.length < pool.length) return ok(parts.scratch, figure);
  return warning(
    parts.scratch,
    `${figure}, so no other rehearsal or proof can begin`,
    "wait until one of them has ended",
  );
}

/** Judges the claims of a fleet. Pure. */
export function judgeClaims(pool: readonly string[], claims: readonly FoundClaim[]): Finding {
  const over = claims.filter(({ isOver }) => isOver);
  const words = claims.map(
    (claim) => `${claim.words}${claim.isOver ? ", whose owner is dead" : ""}`,
  );
  const figure = claims.length === 0 ? "there is none" : namesShown(words);
  if (over.length === 0) return ok(parts.claims, figure);
  const isScratch = (name: string) => pool.includes(name);
  const beside = over.map(({ name }) => name).filter((name) => !isScratch(name));
  const mends = [
    ...(over.some(({ name }) => isScratch(name))
      ? ["the next proof or rehearsal of this fleet clears what is left in a scratch database"]
      : []),
    ...beside.map(
      (name) => `run \`lockstep restore\` with --to-db ${name} again: it goes on there`,
    ),
  ];
  return warning(parts.claims, figure, mends.join("; "));
}

/**
 * Judges the other databases that have a name of Lockstep. Pure.
 * @param others the control databases that they belong to, without this fleet's
 * @param registered those of them whose fleet is registered, in lower case
 */
export function judgeStrays(others: readonly string[], registered: readonly string[]): Finding {
  const strays = others.filter((name) => !registered.includes(name.toLowerCase()));
  const figure = `${counted(others.length - strays.length, "other fleet is", "other fleets are")} registered`;
  if (strays.length === 0) return ok(parts.strays, figure);
  return warning(
    parts.strays,
    `${figure}; nobody has registered the fleets of ${namesShown(strays)}`,
    "where such a fleet is gone for good, drop its databases in mongosh",
  );
}
