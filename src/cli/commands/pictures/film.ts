import { LockstepError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { Film } from "../../../operator/film/film.ts";
import { filmText, readFilmText } from "../../../operator/film/film-file.ts";
import { linesOf } from "../../../operator/film/moment.ts";
import { isUpgradeId } from "../../../operator/film/upgrade-id.ts";
import { systemClock } from "../../../ports/clock.ts";
import { readTextFile, writeNamedFile } from "../../../ports/files.ts";
import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { filmLineRenderer, isShown, renderFilmHead } from "../../render/film.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

export interface ExportOptions extends SharedOptions {
  readonly out?: string;
}

/** `lockstep export ID`: one upgrade as a file that can be read anywhere. */
export function exportCommand(
  upgradeId: string,
  options: ExportOptions,
  terminal: Terminal,
): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const text = filmText(await fleet.film(upgradeId));
    const { out, json } = options;
    if (out === undefined) {
      terminal.out(text.trimEnd());
      return exitCodes.done;
    }
    await writeNamedFile(out, text);
    terminal.out(
      json
        ? jsonLine({ type: "exported", upgradeId, path: out, bytes: Buffer.byteLength(text) })
        : `upgrade ${upgradeId} is in ${out}: \`lockstep replay ${out}\` shows it`,
    );
    return exitCodes.done;
  });
}

/** `10` → 10. @throws LockstepError `bad-argument` */
function parseSpeed(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return Number(text);
  throw new LockstepError(
    "bad-argument",
    `expected --speed to be a number above 0, found "${text}": 10 is ten times as fast`,
  );
}

export interface ReplayOptions extends SharedOptions {
  readonly speed?: string;
}

/** `lockstep replay ID|FILE`: one upgrade, a line a step. */
export async function replay(
  from: string,
  options: ReplayOptions,
  terminal: Terminal,
): Promise<number> {
  const speed = options.speed === undefined ? null : parseSpeed(options.speed);
  if (!isUpgradeId(from)) {
    const film = readFilmText(await readTextFile(from, limits.filmLengthMax));
    await show(film, options, terminal, speed);
    return exitCodes.done;
  }
  return withFleet(options, terminal, async (fleet) => {
    await show(await fleet.film(from), options, terminal, speed);
    return exitCodes.done;
  });
}

/** Prints a film. With a speed, a terminal shows each line at its time. */
async function show(
  film: Film,
  { json }: ReplayOptions,
  terminal: Terminal,
  speed: number | null,
): Promise<void> {
  if (json) {
    const { lanes, charts: _, ...head } = film;
    terminal.out(jsonLine({ type: "film", ...head, actors: lanes.length }));
  } else terminal.out(renderFilmHead(film));
  const rendered = filmLineRenderer(film);
  let before: number | null = null;
  for (const line of linesOf(film)) {
    const { at, lane, step } = line;
    if (json) {
      const who = { actor: lane.actor, agent: lane.agent };
      terminal.out(
        jsonLine(
          step === null ? { type: "serves", ...who, at } : { type: "step", ...who, ...step },
        ),
      );
      continue;
    }
    if (!isShown(line)) continue;
    if (speed !== null && terminal.screen !== null) {
      await systemClock.sleep((at - (before ?? at)) / speed, terminal.signal);
      terminal.signal.throwIfAborted();
    }
    before = at;
    terminal.out(rendered(line));
  }
}
