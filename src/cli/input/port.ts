import { LockstepError } from "../../errors.ts";

/** The number of a port, where 0 takes a free one. @throws LockstepError `bad-argument` */
export function parsePort(text: string, least = 0, most = 65_535): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= least && port <= most) return port;
  throw new LockstepError(
    "bad-argument",
    `expected --port from ${least} to ${most}, got "${text}"`,
  );
}
