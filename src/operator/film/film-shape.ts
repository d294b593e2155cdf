import { roleShape } from "../../control/role-shape.ts";
import { chartShape } from "../../diagram/chart-shape.ts";
import { reasonShape } from "../../journal/entry-shape.ts";
import {
  count,
  fields,
  figure,
  flag,
  list,
  nullable,
  oneOf,
  record,
  type Shape,
  text,
} from "../../shape.ts";
import type { Film, FilmDeadline, FilmStep, Lane } from "./film.ts";

const reason = nullable(reasonShape);

const step = fields<FilmStep>({
  ...{ revision: count, at: figure, event: text, about: nullable(text), state: text, enters: flag },
  outcome: oneOf("applied", "ignored", "rejected", "takeover"),
  ...{ edges: list(text), epoch: count, by: nullable(text), version: nullable(text), reason },
  deadlines: list(fields<FilmDeadline>({ name: text, dueAt: figure })),
  change: nullable(oneOf("took-over", "restarted", "died")),
});

const lane = fields<Lane>({
  ...{ actor: text, kind: oneOf("coordinator", "participant"), agent: nullable(text) },
  role: nullable(roleShape),
  ...{ required: flag, machine: text, steps: list(step), servedAt: nullable(figure) },
  trouble: nullable(text),
});

const filmFields = fields<Film>({
  ...{ upgradeId: text, from: text, to: text, restoreOf: nullable(text) },
  ...{ readAt: figure, final: flag, charts: record(chartShape), lanes: list(lane) },
});

/** The steps of a lane are in order, by revision and by time. */
function orderTrouble({ lanes, charts }: Film): string | null {
  for (const { actor, steps, machine } of lanes) {
    if (!Object.hasOwn(charts, machine)) return `charts: expected "${machine}", found none`;
    const wrong = steps.findIndex(
      ({ revision, at }, index) => revision !== index || at < (steps[index - 1]?.at ?? 0),
    );
    if (wrong >= 0) return `${actor}: expected its entries in order, found another at ${wrong}`;
  }
  return null;
}

/** The shape of a film. */
export const filmShape: Shape = (value, path) =>
  filmFields(value, path) ?? orderTrouble(value as Film);
