import { BSON } from "mongodb";
import type { UpgradeContext } from "../../../machines/upgrade-context.ts";
import type { Store, Write } from "../../../src/journal/store.ts";
import type { Catalogue } from "../../../src/mongo/catalogue/catalogue.ts";
import { type Definition, definitionOf } from "../../../src/mongo/catalogue/definition.ts";
import type { Digests } from "../../../src/mongo/catalogue/digest.ts";
import type { Catalogued } from "../../../src/upgrade/protocol/copies/backup-point.ts";
import { planOf, type Step } from "../../../src/upgrade/protocol/steps.ts";

/** The application's data: how often each batch of each schema step was applied, and what it wrote itself. */
export interface Data {
  readonly applied: Readonly<Record<string, number>>;
  readonly application: number;
  readonly foreign: number;
}

export const dataDocument = { collection: "simulated", id: "data" } as const;
/** Written by each look for foreign writes, as on MongoDB. */
export const lookDocument = { collection: "simulated", id: "look" } as const;
export const batchesOfStep = 2;

/** A copy on one host. */
export interface SimulatedCopy {
  readonly time: string;
  readonly data: Data;
  damaged: boolean;
}

/** How the steps of one upgrade behave. */
export interface Misbehaviour {
  readonly kind:
    | "none"
    | "fails"
    | "fails-in-rehearsal"
    | "hangs"
    | "ignores-its-signal"
    | "goes-on-after-its-signal"
    | "kills"
    | "local-fails"
    | "local-hangs"
    | "local-kills"
    | "readiness-fails"
    | "readiness-hangs"
    | "readiness-kills"
    | "readiness-writes"
    | "differs"
    | "rebuilt";
  /** A schema step at this batch. */
  readonly batch: number;
  /** A local step, a readiness check, or the build, on this host; `rebuilt` is every process but the first of a host. */
  readonly host: number;
}

export const minorOf = (version: string): number => Number(version.split(".")[1]);

/** Some versions change nothing in the database. */
export const hasSchemaStep = (minor: number): boolean => minor % 5 !== 2;

/** The name of one batch of the schema step of a version. */
export const batchName = (minor: number, batch: number): string => `s${minor}b${batch}`;

/** The batches that lie between two versions, in order. */
export function batchesBetween(from: string, to: string): readonly string[] {
  const names: string[] = [];
  for (let minor = minorOf(from) + 1; minor <= minorOf(to); minor += 1) {
    if (!hasSchemaStep(minor)) continue;
    for (let batch = 0; batch < batchesOfStep; batch += 1) names.push(batchName(minor, batch));
  }
  return names;
}

/** Creates the documents of a database that holds nothing yet. */
export const emptyDatabase: readonly Write[] = [
  { ...dataDocument, expect: null, set: { applied: {}, application: 0, foreign: 0 } },
  { ...lookDocument, expect: null, set: { looks: 0 } },
];

export async function readData(store: Store): Promise<Data> {
  return (await store.get(dataDocument.collection, dataDocument.id)) as unknown as Data;
}

/** The data once one more batch was applied. */
export function withBatch(data: Data, name: string): Data {
  return { ...data, applied: { ...data.applied, [name]: (data.applied[name] ?? 0) + 1 } };
}

const films = { name: "films", type: "collection", uuid: "0".repeat(32) } as const;
const noOptions = definitionOf(BSON.serialize({}));
const known = new Map<string, Definition>();

/** Each batch leaves an index behind, so that what was applied shows in the definitions. */
function indexOf(name: string, times: number): Definition {
  const text = `${name} ${times}`;
  const found = known.get(text) ?? definitionOf(BSON.serialize({ key: { [name]: 1 }, name: text }));
  known.set(text, found);
  return found;
}

/** The definitions of a database that holds this data. */
export function catalogueOf({ applied }: Data): Catalogue {
  const indexes = Object.entries(applied)
    .toSorted()
    .map(([name, times]) => indexOf(name, times));
  return { collections: [{ ...films, options: noOptions, indexes }] };
}

/** Hashes and counts of a database that holds this data: as a digest, they say all of it. */
export function digestsOf({ applied, application, foreign }: Data): Digests {
  return {
    films: { hash: JSON.stringify(Object.entries(applied).toSorted()), count: application },
    outside: { hash: "", count: foreign },
  };
}

/** The data that a database of these hashes and counts holds. */
export function dataOf({ digest }: Catalogued): Data {
  const [entries, application, foreign] = [
    JSON.parse(digest["films"]?.hash ?? "[]"),
    digest["films"]?.count ?? 0,
    digest["outside"]?.count ?? 0,
  ];
  return { applied: Object.fromEntries(entries), application, foreign };
}

/** S5, without the product's own comparison: these steps are not those that the agent was ready with. */
export function hasOtherSteps(
  { from, to, ready }: UpgradeContext,
  agent: string,
  steps: readonly Step[],
): boolean {
  return ready[agent]?.hash !== planOf(steps, from, to).hash;
}
