import { bucketsPrefix, viewsCollection } from "../catalogue/catalogue.ts";
import { scratchDatabaseNames, sharedDatabaseName } from "../database-names.ts";

/** The resource of a right, as the server writes it. An empty name means any. */
export interface Resource {
  readonly db?: string;
  readonly collection?: string;
  /** The buckets of a time series, by the name of the time series. */
  readonly system_buckets?: string;
  readonly cluster?: boolean;
  readonly anyResource?: boolean;
}

/** One entry of `connectionStatus`' `authenticatedUserPrivileges`. */
export interface Privilege {
  readonly resource: Resource;
  readonly actions: readonly string[];
}

/** The actions on one resource, and their purpose. */
export interface NeededRight extends Privilege {
  readonly purpose: string;
  /** True where the work goes on without it, with less information. */
  readonly isOptional: boolean;
}

/**
 * `upgrade`: an agent's part, forward and back. `member-copy`: the part of an upgrade of a `memberUrl`'s user.
 * `restore`: by hand, into a new database. `backup` and `rehearsal`: by hand. `init`: the first command of a fleet.
 */
export type Work = "upgrade" | "member-copy" | "backup" | "rehearsal" | "restore" | "init";

export interface RightsScope {
  /** The application's database, or the target of a restore. */
  readonly databaseName: string;
  readonly controlDatabaseName: string;
  /** Names of the time series in the data. The server keeps each in a system collection. */
  readonly timeSeries: readonly string[];
  /** True where the data has views, or had one. */
  readonly hasViews: boolean;
}

type Grant = readonly [actions: readonly string[], purpose: string, isOptional?: boolean];

const copying: Grant = [
  ["find", "listCollections", "listIndexes", "dbStats"],
  "to copy the data and its definitions",
];
const copyingMember: Grant = [["find"], "to read a copy from its own member"];
const proving: Grant = [["dbHash"], "to prove that a copy is equal"];
const loading: Grant = [
  [
    ...["insert", "update", "createCollection", "createIndex", "dropCollection", "collMod"],
    ...["bypassDocumentValidation", "convertToCapped"],
  ],
  "to load a copy",
];
const stepping: Grant = [
  ["remove", "collStats", "renameCollectionSameDB"],
  "for schema steps, and to put a copy in place of the live data",
];
const droppingIndexes: Grant = [
  ["dropIndex"],
  "for schema steps that drop an index, and to end index builds in a restore's way",
  true,
];
const watching: Grant = [["changeStream"], "to detect foreign writes"];
const bookkeeping: Grant = [
  ["find", "insert", "update", "remove", "createCollection", "createIndex"],
  "to keep the journal and the fence of the fleet",
];
const following: Grant = [["changeStream"], "to follow the journal of the fleet"];
const registering: Grant = [
  ["find", "insert", "update", "remove", "createCollection", "createIndex"],
  "to register the fleet, and to claim databases",
];
const viewsReading: Grant = [
  ["find"],
  "to find views over the buckets of a time series, which the server does not list: no copy has them",
  true,
];
const bucketsReading: Grant = [["find"], "to copy a time series"];
const bucketsLoading: Grant = [
  ["find", "insert", "update", "bypassDocumentValidation"],
  "to load a time series",
];
const askingHealth: Grant = [
  ["replSetGetStatus", "replSetGetConfig"],
  "to ask for the health of the members",
];
const askingVersions: Grant = [["getParameter"], "to ask for the version of the set"];
const endingOperations: Grant = [["inprog"], "to find operations that can still write"];
const holding: Grant = [
  ["setParameter"],
  "to hold TTL deletion, and to make members keep history for a copy",
  true,
];
const askingFiles: Grant = [
  ["hostInfo"],
  "to check that members can open the files of a copy: a member that cannot ends, and does not come up again",
];
const countingFiles: Grant = [
  ["serverStatus", "listDatabases"],
  "to count the files that members have open",
  true,
];
const endingMore: Grant = [
  ["killAnySession", "killop", "serverStatus"],
  "to end operations of other users, and to tell apart their transactions",
  true,
];

const on = (resource: Resource, ...grants: readonly Grant[]): readonly NeededRight[] =>
  grants.map(([actions, purpose, isOptional = false]) => ({
    ...{ resource, actions, purpose, isOptional },
  }));

const onDatabase = (db: string, ...grants: readonly Grant[]) =>
  on({ db, collection: "" }, ...grants);

const onBuckets = (db: string, { timeSeries }: RightsScope, grant: Grant) =>
  timeSeries.flatMap((name) => on({ db, collection: `${bucketsPrefix}${name}` }, grant));

const onViews = (db: string, { hasViews }: RightsScope, grant: Grant) =>
  hasViews ? on({ db, collection: viewsCollection }, grant) : [];

const cluster: Resource = { cluster: true };

/** All rights that a piece of work needs from its beginning to any of its ends. Pure. */
export function neededRights(work: Work, scope: RightsScope): readonly NeededRight[] {
  const { databaseName, controlDatabaseName } = scope;
  const own = [
    ...onDatabase(controlDatabaseName, bookkeeping),
    ...onDatabase(sharedDatabaseName, registering),
  ];
  const asked = on(cluster, askingHealth, askingVersions, askingFiles, countingFiles);
  if (work === "member-copy") {
    return [
      ...onDatabase(databaseName, copyingMember),
      ...onBuckets(databaseName, scope, bucketsReading),
    ];
  }
  if (work === "init") return [...own, ...on(cluster, askingHealth)];
  const isWithSteps = work === "upgrade" || work === "rehearsal";
  const inScratch = scratchDatabaseNames(controlDatabaseName).flatMap((name) => [
    ...onDatabase(name, copying, proving, loading),
    ...(isWithSteps ? onDatabase(name, stepping, droppingIndexes) : []),
    ...onBuckets(name, scope, bucketsLoading),
  ]);
  if (work === "restore") {
    return [
      ...onDatabase(databaseName, copying, proving, loading),
      ...onBuckets(databaseName, scope, bucketsLoading),
      ...own,
      ...asked,
    ];
  }
  if (work === "upgrade") {
    return [
      ...onDatabase(databaseName, copying, proving, loading, stepping, watching, droppingIndexes),
      ...onBuckets(databaseName, scope, bucketsLoading),
      ...onViews(databaseName, scope, viewsReading),
      ...own,
      ...onDatabase(controlDatabaseName, following),
      ...inScratch,
      ...asked,
      ...on(cluster, endingOperations, holding, endingMore),
    ];
  }
  return [
    ...onDatabase(databaseName, copying),
    ...onBuckets(databaseName, scope, bucketsReading),
    ...onViews(databaseName, scope, viewsReading),
    ...own,
    ...inScratch,
    ...asked,
    ...on(cluster, holding),
  ];
}

/** True where a grant on one resource covers another. Pure. */
function covers(granted: Resource, wanted: Resource): boolean {
  if (granted.anyResource === true) return true;
  if (wanted.cluster === true) return granted.cluster === true;
  const { db, collection = "" } = wanted;
  if (granted.system_buckets !== undefined) {
    const isOfSeries =
      collection.startsWith(bucketsPrefix) &&
      ["", collection.slice(bucketsPrefix.length)].includes(granted.system_buckets);
    return isOfSeries && ["", db].includes(granted.db ?? "");
  }
  if (granted.db === undefined || !["", db].includes(granted.db)) return false;
  if (granted.collection === collection) return true;
  // A grant on a whole database does not cover the server's own collections in it.
  return granted.collection === "" && !collection.startsWith("system.");
}

/** The needed rights that are not granted. Each entry keeps only its missing actions. Pure. */
export function missingRights(
  needed: readonly NeededRight[],
  privileges: readonly Privilege[],
): readonly NeededRight[] {
  return needed.flatMap((right) => {
    const granted = new Set(
      privileges
        .filter(({ resource }) => covers(resource, right.resource))
        .flatMap(({ actions }) => actions),
    );
    if (granted.has("anyAction")) return [];
    const actions = right.actions.filter((action) => !granted.has(action));
    return actions.length === 0 ? [] : [{ ...right, actions }];
  });
}

function resourceText({ db = "", collection = "", cluster: isCluster }: Resource): string {
  if (isCluster === true) return "the cluster";
  return collection === "" ? `the database "${db}"` : `the collection "${db}.${collection}"`;
}

/** Rights in words, with the resources of one purpose together. Pure. */
export function rightsText(rights: readonly NeededRight[]): string {
  const groups = new Map<string, { readonly right: NeededRight; readonly places: string[] }>();
  for (const right of rights) {
    const key = `${right.actions.join()} ${right.purpose}`;
    const group = groups.get(key) ?? { right, places: [] };
    group.places.push(resourceText(right.resource));
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(
      ({ right: { actions, purpose }, places }) =>
        `${actions.join(", ")} on ${places.join(", ")} (${purpose})`,
    )
    .join("; ");
}
