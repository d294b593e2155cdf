import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { mapParts, type Part } from "../schemas/schemas-of.ts";

const folder = resolve("schemas");
const isoMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/** The names of all outputs that have a schema. */
export const outputNames: readonly string[] = readdirSync(folder)
  .map((name) => name.replace(/\.json$/, ""))
  .toSorted();

/** The published schema of an output. */
export function schemaOf(name: string): Part {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
}

/** A part that refuses each field that it does not list: in the tests no schema may lag. */
function closed(part: Part): Part {
  return part["properties"] === undefined ? part : { additionalProperties: false, ...part };
}

const validators = new Map<string, ValidateFunction>();

function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    formats: { "date-time": isoMoment },
  });
  const made = ajv.compile(mapParts(schemaOf(name), closed) as Part);
  validators.set(name, made);
  return made;
}

/** Why a value is none of an output, or null. A field that its schema does not list counts. */
export function schemaTrouble(name: string, value: unknown): string | null {
  const validate = validatorOf(name);
  if (validate(value)) return null;
  // Each kind of line that it is not complains at the top.
  const errors = (validate.errors ?? []).toSorted(
    (one, other) => other.instancePath.length - one.instancePath.length,
  );
  const said = errors.map(({ instancePath, message, params }) => ({
    instancePath,
    message,
    params,
  }));
  return JSON.stringify(said.slice(0, 3));
}

/**
 * The lines of a command's JSON, each as the schema of its output says.
 * @throws where one is not, or has a field that the schema does not list
 */
// biome-ignore lint/suspicious/noExplicitAny: each line has the shape that its schema says.
export function linesOf(name: string, text: string): readonly any[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const value: unknown = JSON.parse(line);
      const trouble = schemaTrouble(name, value);
      if (trouble !== null) throw new Error(`no ${name}: ${trouble}: ${line.slice(0, 400)}`);
      return value;
    });
}

/** The kinds of lines that an output may have, by their `type`. A whole file has none. */
export function lineTypesOf(name: string): readonly string[] {
  const { $defs, ...root } = schemaOf(name) as { readonly $defs: Readonly<Record<string, Part>> };
  const found = new Set<string>();
  const look = (part: Part): void => {
    const { $ref, anyOf, properties } = part as {
      readonly $ref?: string;
      readonly anyOf?: readonly Part[];
      readonly properties?: { readonly type?: { readonly const?: string } };
    };
    if ($ref !== undefined) look($defs[$ref.slice("#/$defs/".length)] ?? {});
    for (const each of anyOf ?? []) look(each);
    if (properties !== undefined) found.add(properties.type?.const ?? "a file");
  };
  look(root);
  return [...found].toSorted();
}
