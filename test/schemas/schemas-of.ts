import { createGenerator } from "ts-json-schema-generator";

/** A part of a JSON Schema. */
export interface Part {
  readonly [keyword: string]: unknown;
}

const isPart = (value: unknown): value is Part =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Each part of a schema, changed by a function that sees the inner parts first. Pure. */
export function mapParts(value: unknown, change: (part: Part) => Part): unknown {
  if (Array.isArray(value)) return value.map((each) => mapParts(each, change));
  if (!isPart(value)) return value;
  const inner = Object.entries(value).map(([key, each]) => [key, mapParts(each, change)]);
  return change(Object.fromEntries(inner));
}

const draftPrefix = "#/definitions/";

/** A part in the words of JSON Schema 2020-12. @throws for a tuple, which is written otherwise there */
function toLatestDraft(part: Part): Part {
  if (Array.isArray(part["items"])) throw new Error("expected no tuple in an output");
  const { $ref, ...rest } = part;
  return typeof $ref === "string" ? { $ref: $ref.replace(draftPrefix, "#/$defs/"), ...rest } : part;
}

/** A part that lets fields come that a later version may have. */
function toOpen(part: Part): Part {
  const { additionalProperties, ...rest } = part;
  return additionalProperties === false ? rest : part;
}

/** The names of all definitions that a part needs. */
function namesIn(part: unknown, all: Part, found = new Set<string>()): ReadonlySet<string> {
  mapParts(part, (each) => {
    const { $ref } = each;
    const name = typeof $ref === "string" ? $ref.slice("#/$defs/".length) : null;
    if (name !== null && !found.has(name)) {
      found.add(name);
      namesIn(all[name], all, found);
    }
    return each;
  });
  return found;
}

/** The version that every alternative of an output carries. */
function versionOf(part: Part, all: Part): unknown {
  const found: unknown[] = [];
  const look = (each: Part): void => {
    const { $ref, anyOf, properties } = each;
    if (typeof $ref === "string") look(all[$ref.slice("#/$defs/".length)] as Part);
    if (Array.isArray(anyOf)) for (const one of anyOf) look(one as Part);
    if (isPart(properties))
      found.push((properties["formatVersion"] as Part | undefined)?.["const"]);
  };
  look(part);
  const [first] = found;
  if (typeof first === "number" && found.every((each) => each === first)) return first;
  throw new Error(`expected one formatVersion, found ${JSON.stringify(found)}`);
}

/**
 * The schema of each output by its name, from the types of `src/cli/output/outputs.ts`. It reads the sources below the
 * current folder.
 */
export function schemasOfOutputs(): ReadonlyMap<string, Part> {
  const drafted = createGenerator({
    ...{ path: "src/cli/output/outputs.ts", type: "Outputs", tsconfig: "tsconfig.json" },
    // `npm run types` checks them.
    ...{ skipTypeCheck: true, jsDoc: "extended", sortProps: false },
  }).createSchema("Outputs");
  const whole = mapParts(drafted, (part) => toOpen(toLatestDraft(part))) as Part;
  const { Outputs, ...all } = whole["definitions"] as { readonly [name: string]: Part };
  const outputs = Object.entries((Outputs as Part)["properties"] as Record<string, Part>);
  return new Map(
    outputs.map(([name, part]) => {
      const names = [...namesIn(part, all)].toSorted();
      const schema = {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        $id: `urn:lockstep:schema:${name}:${versionOf(part, all)}`,
        ...part,
        $defs: Object.fromEntries(names.map((each) => [each, all[each]])),
      };
      return [name, schema];
    }),
  );
}
