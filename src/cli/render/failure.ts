import { CommanderError } from "commander";
import { isLockstepError, messageOf } from "../../errors.ts";
import { jsonLine } from "../output/json-line.ts";
import { docsLinkOf } from "./docs-link.ts";

/** A failure for people, or as one line of JSON. Pure. */
export function renderFailure(error: unknown, { json }: { readonly json: boolean }): string {
  const isOurs = isLockstepError(error);
  const isUsage = error instanceof CommanderError;
  const code = isUsage ? "bad-argument" : isOurs ? error.code : "unexpected";
  const message = isUsage ? error.message.replace(/^error: /, "") : messageOf(error);
  const docs = docsLinkOf(code);
  return json
    ? jsonLine({ type: "error", code, message, details: isOurs ? error.details : {}, docs })
    : `lockstep: ${code}: ${message}\nsee ${docs}`;
}

/** The answer to the first Ctrl-C, for people, or as one line of JSON. Pure. */
export function renderInterruption(message: string, { json }: { readonly json: boolean }): string {
  return json ? jsonLine({ type: "interrupted", message }) : `interrupted: ${message}`;
}
