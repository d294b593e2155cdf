import { BSON } from "mongodb";
import {
  bsonType,
  decodedValue,
  fieldOf,
  fieldOfBytes,
  type RawField,
  rawDocument,
  rawFields,
} from "../bson/raw-bson.ts";

const textIn = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
/** The text of a BSON string. Its length comes first, and a zero ends it. */
const stringIn = (bytes: Uint8Array) =>
  textIn(bytes.subarray(4, 3 + Buffer.from(bytes).readInt32LE(0)));
const longIn = (bytes: Uint8Array) => Buffer.from(bytes).readBigInt64LE(0).toString();

/** Canonical Extended JSON of a document. It keeps the order, and a field that is named twice. Pure. */
export function canonicalText(bytes: Uint8Array): string {
  const fields = rawFields(bytes).map(
    (field) => `${JSON.stringify(field.name)}:${valueText(field)}`,
  );
  return `{${fields.join(",")}}`;
}

function valueText(field: RawField): string {
  const { value } = field;
  switch (field.type) {
    case bsonType.string:
      return JSON.stringify(stringIn(value));
    case bsonType.document:
      return canonicalText(value);
    case bsonType.array:
      return `[${rawFields(value).map(valueText).join(",")}]`;
    case bsonType.undefined:
      return '{"$undefined":true}';
    case bsonType.date:
      return `{"$date":{"$numberLong":"${longIn(value)}"}}`;
    case bsonType.regex: {
      const [pattern, options] = textIn(value).split("\0");
      return `{"$regularExpression":${JSON.stringify({ pattern, options })}}`;
    }
    case bsonType.dbPointer: {
      const id = Buffer.from(value.subarray(-12)).toString("hex");
      return `{"$dbPointer":{"$ref":${JSON.stringify(stringIn(value))},"$id":{"$oid":"${id}"}}}`;
    }
    case bsonType.code:
      return `{"$code":${JSON.stringify(stringIn(value))}}`;
    case bsonType.codeWithScope: {
      const code = value.subarray(4);
      const scope = code.subarray(4 + Buffer.from(code).readInt32LE(0));
      return `{"$code":${JSON.stringify(stringIn(code))},"$scope":${canonicalText(scope)}}`;
    }
    default:
      return BSON.EJSON.stringify(decodedValue(field), { relaxed: false });
  }
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** The document of an Extended JSON text. It keeps the order, and a field that is named twice. Pure. */
export function bytesOfText(text: string): Uint8Array {
  // A string before a colon is a key. Numbers make keys unique, and keep those in place that look like integers.
  let count = 0;
  const numbered = text.replace(/"(?:[^"\\]|\\.)*"(\s*:)?/g, (whole, colon: string | undefined) => {
    if (colon === undefined) return whole;
    count += 1;
    return `"${count}:${whole.slice(1)}`;
  });
  return documentOf(JSON.parse(numbered) as Json);
}

const nameOf = (numbered: string) => numbered.slice(numbered.indexOf(":") + 1);

function documentOf(value: Json): Uint8Array {
  return rawDocument(Object.entries(value ?? {}).map(([key, held]) => toField(nameOf(key), held)));
}

function toField(name: string, value: Json): RawField {
  if (Array.isArray(value)) {
    const held = value.map((each: Json, index) => toField(String(index), each));
    return fieldOfBytes(name, bsonType.array, rawDocument(held));
  }
  if (typeof value !== "object" || value === null) return fieldOf(name, value);
  const document = value as { readonly [key: string]: Json };
  return wrapped(name, document) ?? fieldOfBytes(name, bsonType.document, documentOf(document));
}

/** The wrappers of Extended JSON by their keys. Other `$` keys are operators. */
const leaves = new Set([
  ...["$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$oid", "$binary"],
  ...["$binary,$type", "$timestamp", "$minKey", "$maxKey", "$symbol", "$uuid"],
]);

/** The value of a wrapper, or undefined for any other document. */
function wrapped(name: string, numbered: { readonly [key: string]: Json }): RawField | undefined {
  const value = plain(numbered) as { readonly [key: string]: Json };
  const keys = Object.entries(numbered).map(([key]) => nameOf(key));
  const of = (key: string) => value[key] as { readonly [key: string]: Json };
  const string = (held: unknown) => fieldOf("", String(held)).value;
  switch (keys.join()) {
    case "$undefined":
      return fieldOfBytes(name, bsonType.undefined, new Uint8Array());
    case "$date": {
      const { $numberLong } = of("$date");
      const milliseconds =
        typeof $numberLong === "string"
          ? $numberLong
          : new Date(value["$date"] as string).getTime();
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(milliseconds));
      return fieldOfBytes(name, bsonType.date, bytes);
    }
    case "$regularExpression": {
      const { pattern, options } = of("$regularExpression");
      return fieldOfBytes(name, bsonType.regex, Buffer.from(`${pattern}\0${options}\0`));
    }
    case "$dbPointer": {
      const { $ref, $id } = of("$dbPointer");
      const id = Buffer.from(String(($id as { readonly $oid: string }).$oid), "hex");
      return fieldOfBytes(name, bsonType.dbPointer, Buffer.concat([string($ref), id]));
    }
    case "$code":
      return fieldOfBytes(name, bsonType.code, string(value["$code"]));
    case "$code,$scope": {
      const [, scope] = Object.values(numbered);
      const held = Buffer.concat([string(value["$code"]), documentOf(scope as Json)]);
      const length = Buffer.alloc(4);
      length.writeInt32LE(4 + held.length);
      return fieldOfBytes(name, bsonType.codeWithScope, Buffer.concat([length, held]));
    }
    default:
      return leaves.has(keys.join()) ? leafField(name, value) : undefined;
  }
}

/** The value of a wrapper of a plain value. A wrapper without one, as a literal may be, is a document. */
function leafField(name: string, value: { readonly [key: string]: Json }): RawField | undefined {
  try {
    return fieldOf(name, BSON.EJSON.parse(JSON.stringify(value), { relaxed: false }));
  } catch {
    return undefined;
  }
}

/** The value with its names before they were numbered. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [nameOf(key), plain(held as Json)]),
  );
}
