// Aim: an exported film comes back as it was, and no other text is taken for one. Method: one film, written, read,
// cut at every length, edited at every character, and claimed by a newer version.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Film } from "../../../src/operator/film/film.ts";
import { filmText, readFilmText } from "../../../src/operator/film/film-file.ts";
import {
  laneOf,
  nothingProjected,
  projected,
  shippedCharts,
} from "../../../src/operator/film/project.ts";
import { coordinator, upgradeId, ways } from "../../upgrade/protocol/facts.ts";

const { tail, ...rest } = projected(nothingProjected, coordinator(ways["rolled-back"] ?? []));
if (tail === null) throw new Error("the journal has entries");
const film: Film = {
  ...{ upgradeId, from: "1.0.0", to: "1.1.0", restoreOf: null, readAt: 20, final: true },
  charts: shippedCharts,
  lanes: [laneOf({ ...rest, tail }, { required: true, servedAt: null })],
};
const text = filmText(film);

function causeOf(content: string): unknown {
  try {
    readFilmText(content);
    return "read";
  } catch (error) {
    const { code, details } = error as { code?: string; details?: { cause?: string } };
    return code === "film-not-readable" ? details?.cause : error;
  }
}

test("a film comes back as it was, also where its text was indented since", () => {
  expect(readFilmText(text)).toEqual(film);
  expect(readFilmText(JSON.stringify(JSON.parse(text), null, 2))).toEqual(film);
});

test("the file holds no password of a URL, and is whole all the same", () => {
  const message = "no way to mongodb://admin:hunter2@db/shop";
  const lanes = film.lanes.map((each) => ({ ...each, trouble: message }));
  const written = filmText({ ...film, lanes });
  expect(written).not.toContain("hunter2");
  expect(readFilmText(written).lanes[0]?.trouble).toBe("no way to mongodb://***@db/shop");
});

test("a film that was cut off is refused, wherever that was", () => {
  for (let length = 0; length < text.length - 1; length += 97) {
    const expected = length < 25 ? "not-a-film" : "cut-off";
    expect(causeOf(text.slice(0, length))).toBe(expected);
  }
});

test("a film that was edited is refused, wherever that was", () => {
  for (let index = text.indexOf('"digest"') + 12; index < text.length - 3; index += 101) {
    const other = text[index] === "7" ? "8" : "7";
    const edited = `${text.slice(0, index)}${other}${text.slice(index + 1)}`;
    expect(["edited", "not-a-film", "cut-off"]).toContain(causeOf(edited));
  }
  expect(causeOf(text.replace('"to":"1.1.0"', '"to":"1.2.0"'))).toBe("edited");
});

const signed = (changed: unknown, formatVersion = 1) =>
  JSON.stringify({
    ...{ format: "lockstep-film", formatVersion },
    digest: createHash("sha256").update(JSON.stringify(changed)).digest("hex"),
    film: changed,
  });

test("a film of a newer version is refused before anything else of it is judged", () => {
  expect(causeOf(signed({ unheard: "of" }, 2))).toBe("newer");
});

const [lane] = film.lanes;
test.each([
  ["no lanes", { ...film, lanes: undefined }],
  [
    "a state that is none",
    { ...film, lanes: [{ ...lane, steps: [{ ...lane?.steps[0], state: 3 }] }] },
  ],
  ["an entry that is missing", { ...film, lanes: [{ ...lane, steps: lane?.steps.slice(1) }] }],
  [
    "a time that falls",
    {
      ...film,
      lanes: [{ ...lane, steps: lane?.steps.map((step) => ({ ...step, at: -step.at })) }],
    },
  ],
  ["a machine without a chart", { ...film, charts: {} }],
  ["nothing", null],
])("a film with a right digest and %s is refused", (_what, changed) => {
  expect(causeOf(signed(changed))).toBe("broken");
});

test.each(["", "[]", "null", "{}", '{"format":"other"}', "\u0000", "<svg/>"])(
  "%j is no film",
  (content) => {
    expect(causeOf(content)).toBe("not-a-film");
  },
);
