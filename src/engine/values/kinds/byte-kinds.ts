import { brokenValue, type Kind, kind, textPart } from "./kind.ts";

const bytesText = (buffer: ArrayBufferLike, offset: number, length: number): string =>
  Buffer.from(buffer, offset, length).toString("base64");

/** The bytes that a view shows: the buffer below it may be longer, and belong to others. */
const viewText = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  bytesText(buffer, byteOffset, byteLength);

/** Bytes in a memory of their own. */
export function bytesPart(part: unknown): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(textPart(part), "base64");
  if (bytes.toString("base64") !== part) throw brokenValue("bytes that are not base64");
  return new Uint8Array(bytes);
}

type ViewType = new (buffer: ArrayBuffer) => ArrayBufferView;

const viewNames = [
  ...["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array"],
  ...["Uint32Array", "Float16Array", "Float32Array", "Float64Array"],
  ...["BigInt64Array", "BigUint64Array", "DataView"],
];

/** The views that this version of Node has: older ones have no Float16Array. */
const viewKinds = viewNames.flatMap((name) => {
  const type: unknown = Reflect.get(globalThis, name);
  if (typeof type !== "function") return [];
  const View = type as ViewType;
  return [
    kind(
      name,
      View,
      (view) => [viewText(view)],
      ([part]) => new View(bytesPart(part).buffer),
    ),
  ];
});

/** The kinds that hold bytes. */
export const byteKinds: readonly Kind[] = [
  ...viewKinds,
  kind(
    "Buffer",
    Buffer,
    (buffer) => [viewText(buffer)],
    ([part]) => Buffer.from(bytesPart(part).buffer),
  ),
  kind(
    "ArrayBuffer",
    ArrayBuffer,
    (buffer) => [bytesText(buffer, 0, buffer.byteLength)],
    ([part]) => bytesPart(part).buffer,
  ),
];
