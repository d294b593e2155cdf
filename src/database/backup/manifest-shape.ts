import { valid } from "semver";
import { nameOf } from "../../entity-names.ts";
import { limits } from "../../limits.ts";
import { rawFields } from "../../mongo/bson/raw-bson.ts";
import { type CollectionEntry, dataCollection } from "../../mongo/catalogue/catalogue.ts";
import { bytesOfDefinition } from "../../mongo/catalogue/definition.ts";
import { isDatabaseName } from "../../mongo/database-names.ts";
import { fileNameOf } from "./dump/file-names.ts";

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown): value is string => typeof value === "string";
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isHex = (value: unknown, digits: number) =>
  isText(value) && value.length === digits && /^[0-9a-f]*$/.test(value);

/** True for a name that a collection can have. Pure. */
export function isCollectionName(name: unknown): name is string {
  const isPlain = isText(name) && !name.startsWith(".");
  // Half a surrogate pair of JavaScript is no character in UTF-8.
  return (
    isPlain &&
    /^[^\0\p{Surrogate}]+$/u.test(name) &&
    Buffer.byteLength(name) <= limits.namespaceBytesMax
  );
}

/** A definition of format 3 is BSON in base64. A definition of format 2 is a text that is parsed where it is used. */
function isDefinition(value: unknown, format: unknown): boolean {
  if (!isText(value)) return false;
  if (format === 2) return true;
  try {
    rawFields(bytesOfDefinition(value));
    return true;
  } catch {
    return false;
  }
}

/** Why this is no entry of a manifest, or null. Each file must have the name that we would give it. Pure. */
function entryProblem(entry: Fields, format: unknown): string | null {
  const { name, type, options, indexes } = entry;
  if (!isCollectionName(name)) return "a collection without a usable name";
  const at = (field: string) => `collection ${JSON.stringify(name)} with an unusable "${field}"`;
  if (!["collection", "view", "timeseries"].includes(type as string)) return at("type");
  const data = dataCollection({ name, type: type as CollectionEntry["type"] });
  const checks: Readonly<Record<string, boolean>> = {
    uuid: entry["uuid"] === "" || isHex(entry["uuid"], 32),
    options: isDefinition(options, format),
    indexes: Array.isArray(indexes) && indexes.every((index) => isDefinition(index, format)),
    file: entry["file"] === fileNameOf(name),
    dataFile: entry["dataFile"] === (data === null ? null : fileNameOf(data)),
    bytes: isCount(entry["bytes"]),
    documents: isCount(entry["documents"]),
    sha256: entry["sha256"] === "" || isHex(entry["sha256"], 64),
    hash: isText(entry["hash"]),
  };
  const wrong = Object.keys(checks).find((field) => !checks[field]);
  return wrong === undefined ? null : at(wrong);
}

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Why a value is no manifest, or null. An attacker can compute a seal, so it proves nothing about these checks: no
 * name of a manifest becomes a path, and no figure is used, before this check. Pure.
 */
export function manifestProblem(value: unknown): string | null {
  if (!isObject(value)) return "no object";
  const { format, collections } = value;
  const checks: Readonly<Record<string, boolean>> = {
    // The id of an upgrade or a rehearsal, or one that an operator chose.
    backupId: nameOf("backup")(value["backupId"], "backupId") === null,
    fleet: isText(value["fleet"]) && isDatabaseName(value["fleet"]),
    databaseName: isText(value["databaseName"]) && isDatabaseName(value["databaseName"]),
    // Of a backup that was taken before any version was declared, it is empty.
    version:
      value["version"] === "" || (isText(value["version"]) && valid(value["version"]) !== null),
    time: isText(value["time"]) && /^\d{1,10}:\d{1,10}$/.test(value["time"]),
    serverVersion: isText(value["serverVersion"]) && /^[!-~]{0,100}$/.test(value["serverVersion"]),
    gzip: typeof value["gzip"] === "boolean",
    digest: isHex(value["digest"], 64),
    seal: isHex(value["seal"], 64),
    collections: Array.isArray(collections) && collections.length <= limits.collectionsMax,
  };
  const wrong = Object.keys(checks).find((field) => !checks[field]);
  if (wrong !== undefined) return `an unusable "${wrong}"`;
  const entries = collections as readonly unknown[];
  if (!entries.every(isObject)) return "a collection that is no object";
  for (const entry of entries) {
    const problem = entryProblem(entry, format);
    if (problem !== null) return problem;
  }
  const names = entries.map(({ name }) => name);
  if (new Set(names).size < names.length) return "two collections of one name";
  const files = entries.flatMap(({ dataFile }) => (dataFile === null ? [] : [dataFile]));
  return new Set(files).size < files.length ? "two collections in one file" : null;
}
