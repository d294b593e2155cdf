import type { MongoClient } from "mongodb";
import type { WithMember } from "../../mongo/members.ts";

/** The application's database, and the clients that reach it. */
export interface Connections {
  readonly client: MongoClient;
  /** A client of this agent's own member, for its dump. */
  readonly memberClient: MongoClient;
  readonly withMember: WithMember;
  readonly databaseName: string;
  readonly controlDatabaseName: string;
}
