import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { LockstepError } from "../../errors.ts";

/** The parts of a request that decide whether it is served. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  header(name: string): string | undefined;
}

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/** The host in a Host header without its port, or null for one that is none. Containers have names with `_`. Pure. */
export function hostNameOf(header: string | undefined): string | null {
  const matched = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(header ?? "");
  return matched?.[1]?.toLowerCase().replace(/^\[|\]$/g, "") ?? null;
}

/**
 * True for a host that no foreign name can pretend to be. A web site may let its own name point to this machine (DNS
 * rebinding), but the browser then sends that name. No name server is asked for an address or for `localhost`. Pure.
 */
export function isOwnHost(header: string | undefined, allowedHosts: readonly string[]): boolean {
  const name = hostNameOf(header);
  if (name === null) return false;
  return name === "localhost" || isIP(name) !== 0 || allowedHosts.includes(name);
}

/**
 * The name of a host as the guard compares it.
 * @throws LockstepError `bad-argument`
 */
export function allowedHost(text: string): string {
  const name = text.toLowerCase();
  if (hostNameOf(name) === name) return name;
  throw new LockstepError(
    "bad-argument",
    `expected the name of a host under which a proxy serves the page, without a scheme and a port, such as ops.example, got "${text}"`,
  );
}

const reading = ["GET", "HEAD"];

/** Why a page of another site may not ask for this, or null. Pure. */
function crossSite({ method, path, header }: Asked): Refusal | null {
  const site = header("sec-fetch-site");
  const isOwn = site === undefined || site === "same-origin" || site === "none";
  const needsOwn = path.startsWith("/api/") || !reading.includes(method);
  if (needsOwn && !isOwn) {
    return { status: 403, message: "expected a request of this page, found one of another site" };
  }
  const origin = header("origin");
  if (origin === undefined || reading.includes(method)) return null;
  const host = header("host") ?? "";
  if (URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return null;
  const message = `expected the origin ${host}, as the Host header says, found ${origin}: where a proxy serves this page, let it pass the Host header on, and name that host with --allow-host`;
  return { status: 403, message };
}

/** Why a request is refused before anything reads it, or null. Pure. */
export function refusalOf(asked: Asked, allowedHosts: readonly string[]): Refusal | null {
  if (!isOwnHost(asked.header("host"), allowedHosts)) {
    const message =
      "expected an address, localhost or a name of --allow-host in the Host header, found another name: start `lockstep serve` with --allow-host where this name is its own";
    return { status: 403, message };
  }
  return crossSite(asked);
}

const digest = (text: string) => createHash("sha256").update(text).digest();

/** Why a request may not act, or null. Without a token nobody may. Pure. */
export function rightsRefusal(header: string | undefined, token: string | null): Refusal | null {
  if (token === null) {
    const message =
      "this dashboard is read-only: start `lockstep serve` with --token-file, or with LOCKSTEP_DASHBOARD_TOKEN in its environment";
    return { status: 403, message };
  }
  const given = /^Bearer (\S+)$/.exec(header ?? "")?.[1];
  if (given === undefined) {
    return { status: 401, message: "expected the dashboard's token, found none: enter it first" };
  }
  // Digests have one length, so a comparison says nothing of the token.
  if (timingSafeEqual(digest(given), digest(token))) return null;
  return { status: 403, message: "expected the dashboard's token, found another one" };
}
