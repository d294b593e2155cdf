import type { ErrorCode } from "../../errors.ts";
import { checkNames } from "../../upgrade/database/upgrade-checks.ts";

/** The parts of an examination that may fail, beside the checks before an upgrade. */
export const parts = {
  connection: "the connection",
  servers: "the servers of the URL",
  fleet: "the fleet",
  rights: "the rights of the URL's user",
  writeBlock: "the write block",
  deletions: "the TTL deletion",
  historyHold: "the hold of history",
  members: "the members",
  clocks: "the clocks of the members",
  window: "the window of the oplog",
  scratch: "the scratch databases",
  claims: "the claims",
  strays: "the databases of other fleets",
  master: "the master",
  upgrade: "the upgrade",
  agents: "the agents",
  launchers: "the launchers",
} as const;

export const grantRole =
  "grant the role of docs/rights.md#the-user-in-the-url to each user that is named";

/** A failure of this kind has the same mend wherever it is found. */
const byCode: Readonly<Partial<Record<ErrorCode, string>>> = {
  "rights-missing": grantRole,
  "database-unreachable": "look at rs.status(), start the members that are away, then look again",
  "no-majority": "start the members that are away, and look at rs.status() for those that lag",
  "record-broken": "put that record right in mongosh, or restore the control database",
};

const byName: Readonly<Record<string, string>> = {
  [parts.connection]:
    "check the hosts of the URL, its user and password, TLS, and the network from this host",
  [parts.fleet]: "correct the URL or --fleet, or declare the fleet with `lockstep init`",
  [checkNames.deployment]:
    "connect to a replica set of MongoDB 6.0 or newer, and name the database as the server has it",
  [checkNames.agentRights]:
    "grant the rights to each user that is named; docs/rights.md#more-rights-where-they-are-wanted says which ones an upgrade can do without",
  [checkNames.majority]: "start the members that are away",
  [checkNames.definitions]: "change or drop the collections and views that are named",
  [checkNames.memberVersions]:
    "end the server's own upgrade: one release on all members, then setFeatureCompatibilityVersion",
  [checkNames.openFiles]:
    "raise the limit of open files there (LimitNOFILE of the systemd unit), and restart that mongod",
  [checkNames.memberDisks]: "make room on the disks of the members that are named",
  [checkNames.readMembers]:
    "mend the member that is named, or start its agent with another memberUrl",
  [checkNames.agentDisks]:
    "make room on the disks of the agents that are named, or move their data directories",
  [checkNames.oplog]: "enlarge it on each member, with replSetResizeOplog",
  [checkNames.memberHistory]:
    "set minSnapshotHistoryWindowInSeconds on the members that are named, or grant the user setParameter",
};

/** The work that ends a failure of one part. Pure. */
export function mendOf(name: string, code: ErrorCode | null): string {
  const general = code === null ? undefined : byCode[code];
  // The connection says more than any other part about a database that does not answer.
  if (name === parts.connection) return byName[name] ?? "";
  return general ?? byName[name] ?? "mend the cause that is named, then look again";
}
