// Aim: what a user lacks is found as the server itself would find it, before anything is tried. Method: tables for
// the forms in which rights are granted; and each form granted on a real set with users, where what is said to be
// covered is done, and what is said to be missing is refused.
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { requireHistory } from "../../src/database/history/history.ts";
import { checkWriteBlock } from "../../src/database/isolation/write-block.ts";
import type { ReplicaSet } from "../../src/local/replica-set.ts";
import { silentLog } from "../../src/log.ts";
import { memberOpener } from "../../src/mongo/connect.ts";
import {
  missingRights,
  type NeededRight,
  neededRights,
  type Privilege,
  type Resource,
  rightsText,
  type Work,
} from "../../src/mongo/requirements/needed-rights.ts";
import { requireFilesForCopy } from "../../src/mongo/requirements/open-files.ts";
import { checkMajority } from "../../src/mongo/requirements/preflight.ts";
import { readPrivileges, requireRights } from "../../src/mongo/requirements/rights.ts";
import { checkServerVersions } from "../../src/mongo/requirements/server-versions.ts";
import { readAgentRights } from "../../src/upgrade/database/agent-rights.ts";
import { freshDatabaseName } from "../support/database.ts";
import { documentedRole } from "../support/documented-role.ts";
import { startSecureSet } from "../support/secure.ts";

const need = (resource: Resource, ...actions: string[]): NeededRight => ({
  ...{ resource, actions, purpose: "to try", isOptional: false },
});
const things = { db: "things", collection: "" };
const views = { db: "things", collection: "system.views" };
const buckets = { db: "things", collection: "system.buckets.a" };

describe("what is granted covers what is needed", () => {
  test.each<[string, Resource, Resource, boolean]>([
    ["a database, itself", things, things, true],
    ["a database, another", { db: "other", collection: "" }, things, false],
    ["all databases, one", { db: "", collection: "" }, things, true],
    ["one collection, its database", { db: "things", collection: "items" }, things, false],
    ["any collection of a name, a database", { db: "", collection: "items" }, things, false],
    ["a database, its collection", things, { db: "things", collection: "items" }, true],
    ["a database, a system collection", things, views, false],
    ["all databases, a system collection", { db: "", collection: "" }, views, false],
    ["a system collection, itself", views, views, true],
    ["a system collection of another", { ...views, db: "other" }, views, false],
    ["a system collection anywhere", { db: "", collection: "system.views" }, views, true],
    ["a database, buckets", things, buckets, false],
    ["buckets by their name", buckets, buckets, true],
    ["buckets anywhere by their name", { ...buckets, db: "" }, buckets, true],
    ["a time series' buckets", { db: "things", system_buckets: "a" }, buckets, true],
    ["another's buckets", { db: "things", system_buckets: "b" }, buckets, false],
    ["all buckets of a database", { db: "things", system_buckets: "" }, buckets, true],
    ["all buckets of another", { db: "other", system_buckets: "" }, buckets, false],
    ["buckets of a name anywhere", { system_buckets: "a" }, buckets, true],
    ["all buckets", { system_buckets: "" }, buckets, true],
    ["all buckets, a database", { system_buckets: "" }, things, false],
    ["the cluster, itself", { cluster: true }, { cluster: true }, true],
    ["the cluster, a database", { cluster: true }, things, false],
    ["all databases, the cluster", { db: "", collection: "" }, { cluster: true }, false],
    ["anything, a database", { anyResource: true }, things, true],
    ["anything, a system collection", { anyResource: true }, views, true],
    ["anything, the cluster", { anyResource: true }, { cluster: true }, true],
  ])("%s", (_, granted, wanted, isCovered) => {
    const missing = missingRights(
      [need(wanted, "find")],
      [{ resource: granted, actions: ["find"] }],
    );
    expect(missing).toHaveLength(isCovered ? 0 : 1);
  });

  test("actions of several grants add up; anyAction is all; what is left is named", () => {
    const wanted = need(things, "find", "insert", "collMod");
    const find = { resource: things, actions: ["find"] };
    const insert = { resource: { db: "", collection: "" }, actions: ["insert", "remove"] };
    expect(missingRights([wanted], [find, insert])).toEqual([need(things, "collMod")]);
    expect(missingRights([wanted], [{ resource: things, actions: ["anyAction"] }])).toEqual([]);
    expect(missingRights([wanted], [])).toEqual([wanted]);
  });
});

test("rights in words: one purpose on several resources is said once", () => {
  const inScratch = ["s1", "s2"].map((db) => need({ db, collection: "" }, "dbHash"));
  const words = rightsText([...inScratch, need({ cluster: true }, "inprog"), need(views, "find")]);
  expect(words).toBe(
    'dbHash on the database "s1", the database "s2" (to try); inprog on the cluster (to try); find on the collection "things.system.views" (to try)',
  );
  expect(rightsText([])).toBe("");
});

const scope = {
  databaseName: "things",
  controlDatabaseName: "lockstep_fleet",
  timeSeries: ["a"],
  hasViews: true,
};
const works: readonly Work[] = ["upgrade", "backup", "rehearsal", "restore", "init"];

describe("what is needed", () => {
  const needs = (work: Work, db: string, action: string, collection = "") =>
    neededRights(work, scope).some(
      ({ resource, actions }) =>
        resource.db === db && resource.collection === collection && actions.includes(action),
    );

  test("only an upgrade looks for foreign writes, and only it writes to the live data", () => {
    expect(works.filter((work) => needs(work, "things", "changeStream"))).toEqual(["upgrade"]);
    expect(works.filter((work) => needs(work, "things", "collMod"))).toEqual([
      "upgrade",
      "restore",
    ]);
  });

  test("each scratch database takes a copy and its steps", () => {
    for (const number of [1, 2, 3, 4]) {
      const name = `lockstep_fleet_scratch_${number}`;
      for (const action of ["insert", "createCollection", "bypassDocumentValidation", "dbHash"]) {
        expect(works.filter((work) => needs(work, name, action))).toEqual([
          ...["upgrade", "backup", "rehearsal"],
        ]);
      }
      expect(works.filter((work) => needs(work, name, "remove"))).toEqual(["upgrade", "rehearsal"]);
      expect(needs("upgrade", name, "insert", "system.buckets.a")).toBe(true);
    }
  });

  test("everybody keeps the fleet's books", () => {
    for (const name of ["lockstep", "lockstep_fleet"]) {
      expect(works.filter((work) => needs(work, name, "insert"))).toEqual(works);
    }
  });
});

describe("on a real set", () => {
  let set: ReplicaSet;
  let root: MongoClient;
  beforeAll(async () => {
    set = await startSecureSet();
    root = new MongoClient(set.url("things"));
    await root.db("things").createCollection("a", { timeseries: { timeField: "at" } });
    await root.db("things").createCollection("seen", { viewOn: "items", pipeline: [] });
  });
  afterAll(async () => {
    await root?.close();
    await set?.stop();
  });

  async function withUser<Result>(
    name: string,
    privileges: readonly { resource: Resource; actions: readonly string[] }[],
    roles: readonly unknown[],
    act: (client: MongoClient) => Promise<Result>,
  ): Promise<Result> {
    await root.db("admin").command({ createRole: name, roles, privileges });
    await root.db("admin").command({ createUser: name, pwd: "secret", roles: [name] });
    const client = new MongoClient(set.url("things").replace("keeper:", `${name}:`));
    try {
      return await act(client);
    } finally {
      await client.close();
      await root.db("admin").command({ dropUser: name });
      await root.db("admin").command({ dropRole: name });
    }
  }

  const granted: readonly Resource[] = [
    things,
    { db: "", collection: "" },
    { db: "things", collection: "items" },
    { db: "", collection: "items" },
    views,
    { db: "", collection: "system.views" },
    buckets,
    { ...buckets, db: "" },
    { db: "things", system_buckets: "a" },
    { db: "things", system_buckets: "b" },
    { db: "things", system_buckets: "" },
    { db: "other", system_buckets: "" },
    { system_buckets: "a" },
    { system_buckets: "" },
    { anyResource: true },
  ];
  test.each(granted.map((resource) => [JSON.stringify(resource), resource] as const))(
    "find granted on %s",
    async (_, resource) => {
      await withUser("finder", [{ resource, actions: ["find"] }], [], async (client) => {
        const privileges = await readPrivileges(client);
        for (const collection of ["items", "system.views", "system.buckets.a"]) {
          const wanted = need({ db: "things", collection }, "find");
          const isAllowed = await client
            .db("things")
            .command({ find: collection })
            .then(
              () => true,
              () => false,
            );
          const isCovered = missingRights([wanted], privileges).length === 0;
          expect({ collection, isCovered }).toEqual({ collection, isCovered: isAllowed });
        }
      });
    },
  );

  const names = (work: Work, privileges: Parameters<typeof missingRights>[1]) =>
    missingRights(neededRights(work, scope), privileges).filter(({ isOptional }) => !isOptional);

  test("the role root has all; the role readWrite alone lacks what is named", async () => {
    const ofRoot = await readPrivileges(root);
    for (const work of works) expect(names(work, ofRoot)).toEqual([]);
    const roles = [{ role: "readWrite", db: "things" }];
    await withUser("writer", [], roles, async (client) => {
      const missing = names("upgrade", await readPrivileges(client));
      const live = missing.filter(({ resource }) => resource.db === "things");
      expect(live.map(({ resource, actions }) => [resource.collection, ...actions])).toEqual([
        ["", "collMod", "bypassDocumentValidation"],
        ["system.buckets.a", "find", "insert", "update", "bypassDocumentValidation"],
      ]);
    });
  });

  test.each(works)(
    "a role of exactly what %s needs lacks nothing, without one right that",
    async (work) => {
      const needed = neededRights(work, scope);
      await withUser("exact", needed, [], async (client) => {
        expect(missingRights(needed, await readPrivileges(client))).toEqual([]);
      });
      const [first, ...others] = needed;
      await withUser("less", others, [], async (client) => {
        const missing = missingRights(needed, await readPrivileges(client));
        expect(missing.map(({ purpose }) => purpose)).toEqual([first?.purpose]);
      });
    },
  );

  describe("a user who lacks the right to ask", () => {
    const cluster = { cluster: true };
    const asking = (client: MongoClient, name: string) => ({
      ...{ client, log: silentLog },
      withMember: memberOpener(set.url("things").replace("keeper:", `${name}:`), "test"),
    });
    const ask = (
      actions: readonly string[],
      act: (asked: ReturnType<typeof asking>) => Promise<unknown>,
    ) =>
      withUser("asker", [{ resource: cluster, actions: ["hostInfo", ...actions] }], [], (client) =>
        act(asking(client, "asker")).then(
          () => "accepted",
          (error: unknown) => error,
        ),
      );

    test("the version of the set: refused by the name of the right", async () => {
      const refused = { code: "rights-missing", message: expect.stringContaining("getParameter") };
      expect(await ask([], checkServerVersions)).toMatchObject(refused);
      expect(await ask(["getParameter"], checkServerVersions)).toBe("accepted");
    });

    test("the health of the members: refused by the name of the right", async () => {
      const health = ["replSetGetStatus", "replSetGetConfig"];
      for (const missing of health) {
        const granted = health.filter((action) => action !== missing);
        expect(await ask(granted, ({ client }) => checkMajority(client))).toMatchObject({
          code: "rights-missing",
          message: expect.stringContaining(missing),
        });
      }
      expect(await ask(health, ({ client }) => checkMajority(client))).toBe("accepted");
    });

    test("the files of all databases: not only those of the user's own databases", async () => {
      const { extra } = await root.db("admin").command({ hostInfo: 1 });
      const mostFiles = Number(extra.maxOpenFiles ?? extra.extra.maxOpenFiles);
      const files = { liveFiles: mostFiles, addedFiles: 1 };
      const fits = (asked: ReturnType<typeof asking>) => requireFilesForCopy(asked, files);
      const short = (words: string) => ({
        code: "files-short",
        message: expect.stringContaining(words),
      });
      await fits(asking(root, "keeper"));
      expect(await ask(["serverStatus"], fits)).toMatchObject(short("listDatabases"));
      expect(await ask([], fits)).toMatchObject(short("serverStatus and listDatabases"));
    });
  });

  test("the user of a memberUrl, who may be another one, is asked for the rights to read a copy", async () => {
    const names = { databaseName: "things", controlDatabaseName: "lockstep_things" };
    const connections = (memberClient: MongoClient) => ({
      ...{ client: root, memberClient, ...names },
      withMember: memberOpener(set.url("things"), "test"),
    });
    const none = { missing: "", optional: expect.stringContaining("system.views") };
    expect(await readAgentRights(connections(root))).toEqual(none);
    const lacking = {
      missing: expect.stringMatching(
        /^the user of its memberUrl: find on .*"things" .*"things\.system\.buckets\.a"/,
      ),
    };
    const nobody = new MongoClient(set.url("things").replace(/\/\/[^@]*@/, "//"));
    expect(await readAgentRights(connections(nobody))).toMatchObject(lacking);
    await nobody.close();
    expect(
      await withUser("other", [], [], (client) => readAgentRights(connections(client))),
    ).toMatchObject(lacking);
    const find = [things, buckets].map((resource) => ({ resource, actions: ["find"] }));
    expect(
      await withUser("reader", find, [], (client) => readAgentRights(connections(client))),
    ).toEqual(none);
  });
});

describe("on a set without authorization", () => {
  test("a user who has logged in with few rights, or none, lacks nothing", async () => {
    const url = inject("mongoUrl");
    const open = new MongoClient(url);
    const name = freshDatabaseName();
    await open.db("admin").command({ createUser: name, pwd: "secret", roles: ["root"] });
    const client = new MongoClient(`${url.replace("//", `//${name}:secret@`)}&authSource=admin`);
    try {
      for (const roles of [["root"], ["read"], []]) {
        await open.db("admin").command({ updateUser: name, roles });
        for (const work of works) await requireRights(client, work, scope);
      }
      // The write block counts them all the same: it would shut this user out too.
      await expect(checkWriteBlock(client)).rejects.toThrow("preventForeignWrites expects");
      await requireHistory({ client, withMember: memberOpener(url, "test") }, 40_000_000_000);
    } finally {
      await client.close();
      await open.db("admin").command({ dropUser: name });
      await open.close();
    }
  });
});

describe("the role in docs/rights.md", () => {
  const names = { application: "things", restoredBeside: "things_before" };
  const scope = { controlDatabaseName: "lockstep_things", timeSeries: ["weather"], hasViews: true };

  test.each<[Work, string]>([
    ["init", "things"],
    ["upgrade", "things"],
    ["backup", "things"],
    ["rehearsal", "things"],
    ["restore", "things_before"],
  ])("has every right that is asked for: %s", async (work, databaseName) => {
    const { smallest, more } = await documentedRole(names);
    const needed = neededRights(work, { ...scope, databaseName });
    const missing = missingRights(needed, smallest["privileges"]);
    expect(missing.filter(({ isOptional }) => !isOptional)).toEqual([]);
    const privileges = [...smallest["privileges"], ...more["privileges"]];
    expect(missingRights(needed, privileges)).toEqual([]);
  });

  test("each action of it, left out alone, is found to be missing by its name", async () => {
    const { smallest } = await documentedRole(names);
    const privileges: readonly Privilege[] = smallest["privileges"];
    const needed = [
      ...works.flatMap((work) => neededRights(work, { ...scope, databaseName: "things" })),
      ...neededRights("restore", { ...scope, databaseName: "things_before" }),
    ];
    const unasked: string[] = [];
    for (const [at, { resource, actions }] of privileges.entries()) {
      for (const action of actions) {
        const less = privileges.with(at, {
          resource,
          actions: actions.filter((each) => each !== action),
        });
        const missing = missingRights(needed, less).filter(
          ({ actions: [only] }) => only === action,
        );
        const { db = "the cluster", collection = "buckets" } = resource;
        if (missing.length === 0) unasked.push(`${action}: ${db}.${collection}`);
      }
    }
    // Without these the work goes on: empty databases stay, and short disks and oplogs are not known of.
    const others = /^dropCollection: \S+\.system\.views$/;
    expect(unasked.filter((text) => !others.test(text))).toEqual([
      "dbStats: admin.",
      "collStats: local.oplog.rs",
    ]);
  });
});
