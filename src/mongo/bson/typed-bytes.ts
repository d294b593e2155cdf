import { BSON, ObjectId } from "mongodb";
import { limits } from "../../limits.ts";
import { type TypedBytes, wrapValue } from "./elements.ts";
import { orderedDocument } from "./ordered-bson.ts";
import { fieldOfBytes, RawValue } from "./raw-bson.ts";

/** A value that the driver sends as these bytes under this name. */
export function sentAs(name: string, { type, value }: TypedBytes): RawValue {
  return new RawValue(fieldOfBytes(name, type, value));
}

export function isEqual(left: TypedBytes, right: TypedBytes | null | undefined): boolean {
  return left.type === right?.type && Buffer.compare(left.value, right.value) === 0;
}

/** A value as JavaScript has it, or undefined where JavaScript cannot hold it. */
function heldBy(raw: TypedBytes): { readonly value: unknown } | undefined {
  const bytes = wrapValue(raw);
  try {
    const again = BSON.serialize(orderedDocument(bytes), { ignoreUndefined: false });
    return Buffer.compare(again, bytes) === 0 ? { value: BSON.deserialize(bytes)["v"] } : undefined;
  } catch {
    return undefined;
  }
}

/** A value in Extended JSON for people. A value that JavaScript cannot hold is shown by its type and first bytes. */
export function printed(raw: TypedBytes | undefined): string {
  if (raw === undefined) return "none";
  const held = heldBy(raw);
  if (held) return BSON.EJSON.stringify(held.value);
  const { type, value: bytes } = raw;
  const shown = Buffer.from(bytes.subarray(0, limits.printedBytesMax)).toString("hex");
  return `BSON type ${type}, bytes ${shown}${bytes.length > limits.printedBytesMax ? "…" : ""}`;
}

/** An `_id` for people. A string, a number or an ObjectId has no marks around it. */
export function idText(raw: TypedBytes | undefined): string {
  const value = raw && heldBy(raw)?.value;
  const isPlain = ["string", "number", "boolean"].includes(typeof value);
  return isPlain || value instanceof ObjectId ? String(value) : printed(raw);
}
