import { limits } from "../../limits.ts";
import { timeSpan } from "../../time-span.ts";
import { type Finding, ok, trouble, warning } from "./finding.ts";
import { grantRole, parts } from "./mends.ts";

/** A member as its set sees it. */
export interface SetMember {
  readonly host: string;
  /** The name of its state, such as `SECONDARY`. */
  readonly state: string;
  readonly isHealthy: boolean;
  /** The milliseconds by which it is behind the primary beyond its configured delay, or null where that is not known. */
  readonly lagMs: number | null;
}

/** The oplog of one member. */
export interface MemberOplog {
  readonly windowMs: number;
  /** The part of its room that it takes, or null where this user may not ask. */
  readonly usedFraction: number | null;
}

/** The answer of one member that keeps data, to this host. */
export interface MemberAnswer {
  readonly host: string;
  /** Why it does not answer here, or null where it does. */
  readonly error: string | null;
  /** Its clock minus the clock of this process, which has any origin, in milliseconds; and how wrong that may be. */
  readonly clock: { readonly offsetMs: number; readonly withinMs: number } | null;
  /** Null where this user may not ask. */
  readonly oplog: MemberOplog | null;
}

/** A server that a URL names, where no primary can be reached. */
export interface NamedServer {
  readonly host: string;
  readonly error: string | null;
  readonly isPrimary: boolean;
}

const atRest = ["PRIMARY", "SECONDARY", "ARBITER"];

/** The place of a member in its set, in words, and the work that it asks for. */
function memberWords(
  { host, state, isHealthy, lagMs }: SetMember,
  error: string | null,
): { readonly words: string; readonly mend: string | null } {
  if (!isHealthy) return { words: `${host} is away`, mend: `start ${host}` };
  if (!atRest.includes(state)) {
    return {
      words: `${host} ${state}`,
      mend: `wait until ${host} is a secondary, or sync it anew`,
    };
  }
  const behind = state === "SECONDARY" && lagMs !== null ? ` ${timeSpan(lagMs)} behind` : "";
  const words = `${host} ${state}${behind}`;
  if (error !== null) {
    return {
      words: `${words}, and does not answer here (${error})`,
      mend: `open the way from this host to ${host}, by the name in rs.conf()`,
    };
  }
  const isLate = lagMs !== null && lagMs > limits.memberLagMsMax;
  return { words, mend: isLate ? `find out why ${host} does not catch up` : null };
}

/** Judges the server that answers for the whole set. Pure. */
export function judgeConnection(host: string, isPrimary: boolean, tookMs: number): Finding {
  const answers = `answers in ${tookMs} ms`;
  if (isPrimary) return ok(parts.connection, `${host}, the primary, ${answers}`);
  return trouble(
    parts.connection,
    `${host}, which is no primary, ${answers}`,
    "name the set in the URL (replicaSet=NAME), without directConnection",
  );
}

/** Judges the members of a set. Whether they are enough is another check. Pure. */
export function judgeMembers(
  members: readonly SetMember[],
  answers: readonly Pick<MemberAnswer, "host" | "error">[],
): Finding {
  const found = members.map((member) => {
    const error = answers.find(({ host }) => host === member.host)?.error ?? null;
    return memberWords(member, error);
  });
  const figure = found.map(({ words }) => words).join(", ");
  const mends = found.flatMap(({ mend }) => mend ?? []);
  return mends.length === 0
    ? ok(parts.members, figure)
    : warning(parts.members, figure, mends.join("; "));
}

/**
 * Judges how far the clocks of the members differ. Leases and deadlines go by the primary's clock, so an election to a
 * member with another time makes them jump. Pure.
 */
export function judgeClocks(answers: readonly Pick<MemberAnswer, "host" | "clock">[]): Finding {
  const clocks = answers.flatMap(({ host, clock }) => (clock === null ? [] : [{ host, ...clock }]));
  const sorted = clocks.toSorted((one, other) => one.offsetMs - other.offsetMs);
  const [slow, fast] = [sorted[0], sorted.at(-1)];
  if (slow === undefined || fast === undefined || slow === fast) {
    const count = clocks.length === 1 ? "one member answers" : "no member answers";
    return ok(parts.clocks, `${count}, so there is nothing to compare`);
  }
  const withinMs = slow.withinMs + fast.withinMs;
  const apartMs = fast.offsetMs - slow.offsetMs;
  const figure = `${clocks.length} clocks, at most ${timeSpan(apartMs)} apart (to within ${timeSpan(withinMs)})`;
  const leastMs = apartMs - withinMs;
  if (leastMs <= limits.clockJumpMs) return ok(parts.clocks, figure);
  const words = `${figure}: ${fast.host} is ahead of ${slow.host}`;
  const mend = "let the same time service (NTP) set the clock of each member's host";
  return leastMs > limits.leaseAheadMs
    ? trouble(parts.clocks, words, mend)
    : warning(parts.clocks, words, mend);
}

/** A short window is normal while the oplog is not full yet: it still grows. */
function isShort({ windowMs, usedFraction }: MemberOplog): boolean {
  return windowMs < limits.oplogWindowMsMin && (usedFraction ?? 1) >= limits.oplogFullFraction;
}

/** Judges how far back the oplogs of the members reach. Pure. */
export function judgeWindow(answers: readonly Pick<MemberAnswer, "host" | "oplog">[]): Finding {
  const found = answers.flatMap(({ host, oplog }) => (oplog === null ? [] : [{ host, ...oplog }]));
  if (found.length === 0) {
    return warning(parts.window, "no member tells it to this user", grantRole);
  }
  const words = found.map(({ host, windowMs, usedFraction }) => {
    const used = usedFraction === null ? "" : ` (${Math.round(100 * usedFraction)} % full)`;
    return `${host} ${timeSpan(windowMs)}${used}`;
  });
  const short = found.filter(isShort);
  if (short.length === 0) return ok(parts.window, words.join(", "));
  const hosts = short.map(({ host }) => host).join(", ");
  const known = short.some(({ usedFraction }) => usedFraction !== null);
  return warning(
    parts.window,
    `${words.join(", ")}; ${timeSpan(limits.oplogWindowMsMin)} would be safe: a member that is away for longer needs an initial sync, and foreign writes may stay undetected`,
    known
      ? `enlarge the oplog of ${hosts}, with replSetResizeOplog`
      : `grant the user collStats on local.oplog.rs, which shows whether the oplog of ${hosts} is full`,
  );
}

/** Judges the servers that a URL names, where none of them leads to a primary. Pure. */
export function judgeServers(servers: readonly NamedServer[]): Finding {
  const words = servers.map(({ host, error, isPrimary }) => {
    if (error !== null) return `${host} does not answer (${error})`;
    return isPrimary ? `${host} is a primary` : `${host} answers, and is no primary`;
  });
  const away = servers.filter(({ error }) => error !== null).map(({ host }) => host);
  const start = away.length === 0 ? "" : `start ${away.join(", ")}, or open the way there: `;
  return trouble(
    parts.servers,
    words.join(", "),
    `${start}a primary needs a majority of the voting members`,
  );
}
