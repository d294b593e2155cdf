import { limits } from "../../limits.ts";
import {
  documentOf,
  elementsOf,
  fieldAt,
  type RawElement,
  type TypedBytes,
} from "../../mongo/bson/elements.ts";
import { bsonType } from "../../mongo/bson/raw-bson.ts";

type Path = readonly string[];

/** The reason why a document cannot be changed: the operation has several meanings for it. */
export class FieldRefused extends Error {}

const nameOf = ({ name }: RawElement) => Buffer.from(name).toString("utf8");
const isIndex = (part: string | undefined) => part !== undefined && /^\d+$/.test(part);

/** True where a path leads to a value. A number in it may be a field or an index. Pure. */
function reaches({ type, value }: TypedBytes, path: Path): boolean {
  const [part, ...rest] = path;
  if (part === undefined) return true;
  if (type !== bsonType.document && type !== bsonType.array) return false;
  const elements = elementsOf(value);
  const direct = elements.some((each) => nameOf(each) === part && reaches(each, rest));
  return direct || (type === bsonType.array && elements.some((each) => reaches(each, path)));
}

/** The only element of a name, or undefined. */
function only(elements: readonly RawElement[], part: string): RawElement | undefined {
  const [found, ...more] = elements.filter((each) => nameOf(each) === part);
  if (more.length > 0) throw new FieldRefused(`"${part}" is there twice`);
  return found;
}

/** A document or an array with one element replaced or removed. */
function replaced(
  holder: TypedBytes,
  elements: readonly RawElement[],
  element: RawElement,
  by: TypedBytes | null,
): TypedBytes {
  const others = elements.flatMap((each) => {
    if (each !== element) return [each];
    return by === null ? [] : [{ ...each, ...by }];
  });
  return { type: holder.type, value: documentOf(others) };
}

type Change = (holder: TypedBytes) => TypedBytes;

/** Changes the value of a path in each element of the arrays on it. */
function within(holder: TypedBytes, path: Path, next: Path, change: Change): TypedBytes {
  if (!reaches(holder, path)) return holder;
  if (holder.type === bsonType.document) return change(holder);
  if (isIndex(path[0]) || isIndex(next[0])) {
    throw new FieldRefused(`"${isIndex(path[0]) ? path[0] : next[0]}" may be an index of an array`);
  }
  const elements = elementsOf(holder.value).map((element) => ({
    ...element,
    ...within(element, path, next, change),
  }));
  return { type: holder.type, value: documentOf(elements) };
}

/** Takes a value out of documents. An array on the path would have many of it. */
function takeOut(holder: TypedBytes, path: Path): { rest: TypedBytes; taken: TypedBytes } {
  const [part = "", ...further] = path;
  const elements = elementsOf(holder.value);
  const element = only(elements, part) as RawElement;
  if (further.length === 0) {
    return { rest: replaced(holder, elements, element, null), taken: element };
  }
  if (element.type !== bsonType.document) throw new FieldRefused(`"${part}" is an array`);
  const { rest, taken } = takeOut(element, further);
  return { rest: replaced(holder, elements, element, rest), taken };
}

/** Puts a value at a path through documents. It creates missing ones. */
function putIn(holder: TypedBytes, path: Path, value: TypedBytes, both: string): TypedBytes {
  const [part = "", ...further] = path;
  const elements = elementsOf(holder.value);
  const element = only(elements, part);
  if (element !== undefined && further.length === 0) throw new FieldRefused(both);
  if (element !== undefined && element.type !== bsonType.document) {
    throw new FieldRefused(
      `"${part}" is ${element.type === bsonType.array ? "an array" : "no document"}`,
    );
  }
  const empty = { type: bsonType.document, value: documentOf([]) };
  const inner = further.length === 0 ? value : putIn(element ?? empty, further, value, both);
  if (element) return replaced(holder, elements, element, inner);
  const added = { ...inner, name: Buffer.from(part) };
  return { type: holder.type, value: documentOf([...elements, added]) };
}

function moveIn(holder: TypedBytes, from: Path, to: Path, both: string): TypedBytes {
  if (from[0] !== to[0]) {
    const { rest, taken } = takeOut(holder, from);
    return putIn(rest, to, taken, both);
  }
  const elements = elementsOf(holder.value);
  const element = only(elements, from[0] ?? "") as RawElement;
  const [further, next] = [from.slice(1), to.slice(1)];
  const moved = within(element, further, next, (inner) => moveIn(inner, further, next, both));
  return replaced(holder, elements, element, moved);
}

function removeIn(holder: TypedBytes, path: Path): TypedBytes {
  const [part = "", ...further] = path;
  const elements = elementsOf(holder.value);
  const element = only(elements, part) as RawElement;
  if (further.length === 0) return replaced(holder, elements, element, null);
  const removed = within(element, further, [], (inner) => removeIn(inner, further));
  return replaced(holder, elements, element, removed);
}

/** True where an array lies on a path. */
function passesArray(holder: TypedBytes, path: Path): boolean {
  if (holder.type !== bsonType.document) return holder.type === bsonType.array;
  const found = path.length > 1 ? fieldAt(holder.value, path[0] ?? "") : undefined;
  return found !== undefined && passesArray(found, path.slice(1));
}

function updateOf(operator: string, name: string, value: TypedBytes): TypedBytes {
  const field = documentOf([{ ...value, name: Buffer.from(name) }]);
  const elements = [{ type: bsonType.document, name: Buffer.from(operator), value: field }];
  return { type: bsonType.document, value: documentOf(elements) };
}

/** The update that turns a document into its new form. It uses an operator where no array is on the path. */
function updateTo(
  before: TypedBytes,
  after: TypedBytes,
  path: Path,
  byOperator: TypedBytes,
): TypedBytes {
  if (after.value.length > limits.documentBytesMax) {
    throw new FieldRefused(`${after.value.length} bytes afterwards, more than a document may have`);
  }
  if (!passesArray(before, path)) return byOperator;
  const top = path[0] ?? "";
  return updateOf("$set", top, fieldAt(after.value, top) as TypedBytes);
}

const documentIn = (bytes: Uint8Array) => ({ type: bsonType.document, value: bytes });

function stringOf(text: string): TypedBytes {
  const bytes = Buffer.from(`    ${text}\0`);
  bytes.writeInt32LE(bytes.length - 4);
  return { type: bsonType.string, value: bytes };
}

/**
 * The update that renames a field as `$rename` does, in each element of the arrays that both paths share. It is null
 * for a document without the field. Pure.
 * @throws FieldRefused where `$rename` refuses, or would overwrite something
 */
export function renamingOf(bytes: Uint8Array, from: string, to: string): TypedBytes | null {
  const [source, target] = [from.split("."), to.split(".")];
  const before = documentIn(bytes);
  if (!reaches(before, source)) return null;
  const after = moveIn(before, source, target, `both "${from}" and "${to}"`);
  return updateTo(before, after, source, updateOf("$rename", from, stringOf(to)));
}

/**
 * The update that removes a field from each element of the arrays on its path. It is null for a document without the
 * field. Pure.
 * @throws FieldRefused for an index of an array, or a name that is there twice
 */
export function removalOf(bytes: Uint8Array, field: string): TypedBytes | null {
  const path = field.split(".");
  const before = documentIn(bytes);
  if (!reaches(before, path)) return null;
  return updateTo(before, removeIn(before, path), path, updateOf("$unset", field, stringOf("")));
}
