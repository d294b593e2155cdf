import { resolve } from "node:path";
import { inject } from "vitest";
import {
  type ReplicaSet,
  type ReplicaSetOptions,
  startReplicaSet,
} from "../../src/local/replica-set.ts";

type Secure = NonNullable<ReplicaSetOptions["secure"]>;

/** TLS by the certificates of the tests, and a root user who has to log in. */
export function secureWith({
  username = "keeper",
  password = "secret",
}: Partial<Pick<Secure, "username" | "password">> = {}): Secure {
  return {
    authorityPath: resolve("test/fixtures/tls/authority.pem"),
    certificateKeyPath: resolve("test/fixtures/tls/server.pem"),
    username,
    password,
  };
}

/** A set of one member with TLS and users: "keeper" is its root, with the password "secret". */
export function startSecureSet(): Promise<ReplicaSet> {
  return startReplicaSet({ mongodPath: inject("mongodPath"), members: 1, secure: secureWith() });
}
