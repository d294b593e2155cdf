import { withEngine } from "../../../operator/actors/open-engine.ts";
import { type Receiver, type SentByHand, sendByHand } from "../../../operator/actors/send-event.ts";
import { eventOfText } from "../../../operator/actors/texts/event-text.ts";
import { importModule } from "../../../ports/import-module.ts";
import { printableLine } from "../../../printable.ts";
import { exitCodes } from "../../exit-codes.ts";
import { requireYes } from "../../input/confirmation.ts";
import { type EngineOptions, placeOf, print } from "../../input/engine-options.ts";
import type { BareLine } from "../../output/json-line.ts";
import { renderSent } from "../../render/actors.ts";
import type { Terminal } from "../../run.ts";

export interface SendOptions extends EngineOptions {
  readonly key?: string;
  readonly yes?: boolean;
}

/**
 * The event of a command line. Pure.
 * @throws LockstepError `bad-argument`
 */
export function parseEvent(text: string): { readonly type: string } {
  return eventOfText(
    text,
    `give it as '{"type":"PAY"}', in single quotes, since a shell takes the double ones away`,
  );
}

/** `lockstep actors send MODULE ID EVENT`: asks first, and prints the outcome. */
export async function send(
  module: string,
  id: string,
  text: string,
  options: SendOptions,
  terminal: Terminal,
): Promise<number> {
  const event = parseEvent(text);
  const { key } = options;
  const exports = await importModule(module, "MODULE");
  const sent = await withEngine(placeOf(options, terminal), (engine, client) =>
    sendByHand(engine, client, { id, event, key, exports }, (receiver) =>
      requireYes(questionOf(receiver, event), options, terminal),
    ),
  );
  const { notices, receiver, ...rest } = sent;
  const { machine, database, migratesTo } = receiver;
  const object: BareLine = { type: "sent", id, machine, database, migratesTo, ...rest };
  print(terminal, options.json, { lines: [renderSent(sent)], objects: [object] }, notices);
  return exitCodeOfSent(sent);
}

function questionOf(receiver: Receiver, event: { readonly type: string }): string {
  const { id, machine, version, state, database, migratesTo } = receiver;
  const migration = migratesTo === null ? "" : `, which migrates it to ${migratesTo}`;
  return printableLine(
    `${id} in "${database}" (${machine} ${version}, in ${state}) gets ${JSON.stringify(event)}${migration}`,
  );
}

/** An event that has changed nothing is a failure, unless it has counted before. Pure. */
function exitCodeOfSent({ outcome }: Pick<SentByHand, "outcome">): number {
  return outcome === "applied" || outcome === "duplicate" ? exitCodes.done : exitCodes.failed;
}
