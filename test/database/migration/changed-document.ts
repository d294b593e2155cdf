import { documentChange } from "../../../src/database/documents/document-change.ts";
import {
  documentOf,
  fieldAt,
  type RawElement,
  type TypedBytes,
} from "../../../src/mongo/bson/elements.ts";

// biome-ignore lint/suspicious/noExplicitAny: a step knows its documents.
export type Change = (document: any) => any;

export const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");
export const shown = (raw: TypedBytes | undefined) => raw && `${raw.type}:${hex(raw.value)}`;
export const asShown = ({ type, value }: Pick<RawElement, "type" | "value">) =>
  `${type}:${hex(value)}`;

export function updateOf(
  elements: readonly RawElement[],
  change: Change,
  types?: "plain" | "bson",
) {
  return documentChange({ change, ...(types ? { types } : {}) }).changeOf(documentOf(elements));
}

/** The value that `$set` gives a field. */
export function setBy(
  elements: readonly RawElement[],
  change: Change,
  name: string,
  types?: "bson",
) {
  const update = updateOf(elements, change, types);
  return shown(fieldAt(fieldAt(update?.value as Uint8Array, "$set")?.value as Uint8Array, name));
}
