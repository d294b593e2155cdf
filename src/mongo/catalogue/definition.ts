import { decodedValue, type RawField, rawDocument, rawFields } from "../bson/raw-bson.ts";

/**
 * The options of a collection or an index as BSON, in base64. Text or a map would lose a field that is named twice,
 * and bytes that JavaScript cannot hold.
 */
export type Definition = string;

/** Pure. */
export function definitionOf(bytes: Uint8Array): Definition {
  return Buffer.from(bytes).toString("base64");
}

/** Pure. */
export function bytesOfDefinition(definition: Definition): Uint8Array {
  return Buffer.from(definition, "base64");
}

/** The fields in their order. Pure. */
export function definitionFields(definition: Definition): RawField[] {
  return rawFields(bytesOfDefinition(definition));
}

/** The field of this name, or undefined. Pure. */
export function definitionField(definition: Definition, name: string): RawField | undefined {
  return definitionFields(definition).find((field) => field.name === name);
}

/** The name in an index's definition. Pure. */
export function indexName(definition: Definition): string {
  const name = definitionField(definition, "name");
  return name === undefined ? "" : String(decodedValue(name));
}

/** The definition without fields of these names. Pure. */
export function withoutFields(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  return rawDocument(rawFields(bytes).filter(({ name }) => !names.includes(name)));
}
