import type { MongoClient } from "mongodb";
import { LockstepError } from "../errors.ts";
import { ifAllowed } from "./server-errors.ts";

/** Opens a client of one member for one act. */
export type WithMember = <Result>(
  host: string,
  act: (member: MongoClient) => Promise<Result>,
) => Promise<Result>;

/** `host:port` of every member that holds data. */
export async function dataMembers(client: MongoClient): Promise<readonly string[]> {
  const hello = await client.db("admin").command({ hello: 1 });
  return [...(hello["hosts"] as string[]), ...((hello["passives"] as string[] | undefined) ?? [])];
}

/**
 * `host:port` of every member that keeps data, with the hidden ones that `hello` leaves out. A user without the right
 * to read the set's configuration gets the members of `hello`.
 */
export async function storageMembers(client: MongoClient): Promise<readonly string[]> {
  const answer = await ifAllowed(client.db("admin").command({ replSetGetConfig: 1 }));
  if (answer === null) return dataMembers(client);
  const members = answer["config"].members as readonly { host: string; arbiterOnly: boolean }[];
  return members.filter(({ arbiterOnly }) => !arbiterOnly).map(({ host }) => host);
}

/**
 * The URL of one member of a set, with the set's credentials and TLS. Pure.
 * @throws LockstepError `bad-argument`
 */
export function memberUrl(mongoUrl: string, host: string): string {
  const parts = /^mongodb(\+srv)?:\/\/([^/?]*@)?[^/?]+(\/[^?]*)?(\?.*)?$/.exec(mongoUrl);
  if (!parts) throw new LockstepError("bad-argument", "expected a mongodb:// URL");
  const [, srv, credentials = "", path = "/", query = ""] = parts;
  const options = new URLSearchParams(query);
  options.delete("replicaSet");
  options.set("directConnection", "true");
  // These options are implied by a +srv URL, and have to be explicit here.
  if (srv && !options.has("tls") && !options.has("ssl")) options.set("tls", "true");
  if (srv && credentials !== "" && !options.has("authSource")) options.set("authSource", "admin");
  if (credentials !== "" && !options.has("authSource") && path !== "/") {
    options.set("authSource", path.slice(1));
  }
  return `mongodb://${credentials}${host}${path}?${options.toString()}`;
}

/**
 * The URL of an agent's own member, which names one host. With several hosts, or a DNS name of a set, the driver
 * would read from the primary. Pure.
 * @throws LockstepError `bad-argument`
 */
export function ownMemberUrl(url: string): string {
  const host = /^mongodb:\/\/(?:[^/?]*@)?([^/?,]+)(?:[/?]|$)/.exec(url)?.[1];
  if (host === undefined) {
    throw new LockstepError(
      "bad-argument",
      "expected a memberUrl that names one member, mongodb://HOST:PORT, got one that names several hosts or a whole set: name this agent's own member, or leave memberUrl out",
    );
  }
  return memberUrl(url, host);
}
