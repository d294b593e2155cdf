import { LockstepError } from "../../errors.ts";
import { bsonType, decodedValue, isTrue } from "../../mongo/bson/raw-bson.ts";
import {
  bucketsPrefix,
  type Catalogue,
  type CollectionEntry,
  dataCollection,
} from "../../mongo/catalogue/catalogue.ts";
import {
  type Definition,
  definitionField,
  definitionFields,
  indexName,
} from "../../mongo/catalogue/definition.ts";
import { isOddExpiry, keyOddities } from "../../mongo/catalogue/legacy-definition.ts";
import { fileNameOf, isCut } from "./dump/file-names.ts";

/** The options that a backup carries, by type. The fixture of the tests has each of them. */
const carriedOptions: Readonly<Record<CollectionEntry["type"], readonly string[]>> = {
  collection: [
    ...["capped", "size", "max", "validator", "validationLevel", "validationAction", "collation"],
    ...["clusteredIndex", "expireAfterSeconds", "changeStreamPreAndPostImages", "recordPreImages"],
    ...["storageEngine", "indexOptionDefaults", "autoIndexId"],
  ],
  view: ["viewOn", "pipeline", "collation"],
  timeseries: [
    ...["timeseries", "expireAfterSeconds", "collation", "storageEngine", "indexOptionDefaults"],
  ],
};

const carriedIndexFields = [
  ...["v", "key", "name", "unique", "expireAfterSeconds", "partialFilterExpression", "sparse"],
  ...["hidden", "weights", "default_language", "language_override", "textIndexVersion"],
  ...["2dsphereIndexVersion", "bits", "min", "max", "collation", "wildcardProjection"],
  ...["background", "storageEngine", "prepareUnique"],
];

/** Definitions of older servers that the server still describes and no longer creates. */
function refusedByServer(index: Definition): readonly string[] {
  const version = definitionField(index, "v");
  const odd = keyOddities(index).map((field) => `key of "${field}"`);
  if (version !== undefined && Number(decodedValue(version)) < 1) odd.push("version 0");
  if (isOddExpiry(index)) odd.push("an expireAfterSeconds that is no number of seconds");
  return odd;
}

/** Collections that only look like those of a time series: stock mongorestore would put them in the wrong place. */
function oddBuckets({ name, options }: CollectionEntry): string | null {
  if (name.startsWith(bucketsPrefix)) return `"${name}", which no time series has as its buckets`;
  const viewOn = definitionField(options, "viewOn");
  const over = viewOn === undefined ? "" : String(decodedValue(viewOn));
  return over.startsWith(bucketsPrefix) ? `view "${name}" over "${over}"` : null;
}

/**
 * True for an expiry that is no number, or that the server accepts only for time series and clustered collections.
 */
function hasOddExpiry({ type, options }: CollectionEntry): boolean {
  const expiry = definitionField(options, "expireAfterSeconds");
  // The server takes null and false for no expiry.
  if (expiry === undefined || expiry.type === bsonType.null || type === "view") return false;
  const isTaken = type === "timeseries" || definitionField(options, "clusteredIndex") !== undefined;
  return !isTaken || !(Number(decodedValue(expiry)) >= 0);
}

function oddities(entry: CollectionEntry): string[] {
  const { name, type, options, indexes } = entry;
  const odder = oddBuckets(entry);
  if (odder !== null) return [odder];
  // Collections of the server that hold the user's data, as stored functions.
  if (name.startsWith("system.")) return [`"${name}"`];
  // mongorestore reads a cut name from the metadata. Buckets have none, and it unescapes the name once more.
  const isMisread = type === "timeseries" || /[%+]/.test(name);
  if (isMisread && isCut(fileNameOf(dataCollection({ name, type }) ?? name))) {
    return [`${type} "${name}" (its escaped name is too long for a file)`];
  }
  const known = carriedOptions[type];
  if (known === undefined) return [`${type} "${name}"`];
  const odd = definitionFields(options)
    .map((field) => field.name)
    .filter((option) => !known.includes(option))
    .map((option) => `${type} "${name}" with option "${option}"`);
  const autoIndexId = definitionField(options, "autoIndexId");
  if (autoIndexId !== undefined && !isTrue(autoIndexId)) {
    odd.push(`collection "${name}" without an index of _id (autoIndexId: false)`);
  }
  if (hasOddExpiry(entry)) {
    odd.push(
      `${type} "${name}" with an option "expireAfterSeconds" that only a time series or a clustered collection may have, 0 or more`,
    );
  }
  for (const index of indexes) {
    const fields = definitionFields(index)
      .map((field) => field.name)
      .filter((field) => !carriedIndexFields.includes(field))
      .concat(refusedByServer(index));
    if (fields.length > 0) {
      odd.push(`index "${indexName(index)}" of "${name}" (${fields.join(", ")})`);
    }
  }
  return odd;
}

/** Everything in a catalogue that a backup cannot carry, in words. Pure. */
export function unsupportedIn(catalogue: Catalogue): readonly string[] {
  return catalogue.collections.flatMap(oddities);
}

/**
 * Refuses a database with anything that a backup cannot carry, and names it: nothing is lost in silence.
 * @throws LockstepError `database-not-supported`
 */
export function refuseUnsupported(catalogue: Catalogue): void {
  const odd = unsupportedIn(catalogue);
  if (odd.length === 0) return;
  throw new LockstepError(
    "database-not-supported",
    `found what a backup cannot carry: ${odd.join("; ")}: nothing was touched; remove it, or move it to another database`,
    { found: odd },
  );
}
