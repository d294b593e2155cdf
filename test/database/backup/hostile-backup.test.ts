// Aim: no manifest of a backup, also one that was sealed again, makes anything outside its folder be read
// or deleted, and it is a `backup-mismatch`. Method: real folders; one field changed at a time, sealed again.
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { BSON } from "mongodb";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { readDumpText } from "../../../src/database/backup/dump/dump-files.ts";
import { readManifest, verifyDump } from "../../../src/database/backup/dump/verify-dump.ts";
import {
  earlierMetadataOf,
  manifestName,
  metadataOf,
} from "../../../src/database/backup/manifest.ts";
import { manifestProblem } from "../../../src/database/backup/manifest-shape.ts";
import { sweepBackups } from "../../../src/database/backup/retention.ts";
import { limits } from "../../../src/limits.ts";
import { definitionOf } from "../../../src/mongo/catalogue/definition.ts";
import { verifyBackup } from "../../../src/operator/by-hand/backup-files.ts";
import { runCommand } from "../../../src/ports/process.ts";
import { entry, manifestWith } from "../sealed-manifest.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lockstep-hostile-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

async function write(id: string, manifest: unknown): Promise<string> {
  const directory = join(root, "backups", id);
  await mkdir(join(directory, "shop"), { recursive: true });
  await writeFile(join(directory, "shop", "items.bson"), "");
  await writeFile(join(directory, "shop", "items.metadata.json"), metadataOf(entry));
  await writeFile(join(directory, manifestName), JSON.stringify(manifest));
  return directory;
}

const mismatch = { code: "backup-mismatch" };

describe("names of a manifest", () => {
  test("a manifest as we write it is read", async () => {
    const directory = await write("u000001", manifestWith({}));
    expect((await verifyDump(directory)).databaseName).toBe("shop");
  });

  test.each([
    ...[
      "..",
      ".",
      "../..",
      "/etc",
      "a/b",
      "a\\b",
      "",
      "a\0b",
      "x".repeat(64),
      "$db",
      "a b",
      "a\ud800",
    ],
    ...[null, 7, {}, ["shop"]],
  ])("a database named %j", async (databaseName) => {
    const directory = await write("u000001", manifestWith({ databaseName }));
    await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
  });

  test.each([
    { version: "../../evil" },
    { version: "1.0.0\u001b[2J" },
    { version: null },
    { fleet: "../evil" },
    { fleet: "a\0b" },
    { serverVersion: "6.0.5\n" },
    { time: "1:1\u001b" },
    { time: "9".repeat(400) },
    { backupId: "../u000001" },
  ])("a manifest with %j", async (change) => {
    const directory = await write("u000001", manifestWith(change));
    await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
  });

  test("no name of a manifest makes anything but a backup-mismatch, broken ones of JavaScript too", () => {
    const text = fc.string({ unit: "binary", maxLength: 8 });
    const broken = fc.constantFrom("\ud800", "\udfff", "a\udbff%", "%", "%00");
    const name = fc.oneof(text, broken);
    fc.assert(
      fc.property(name, name, (databaseName, collection) => {
        const own = { ...entry, name: collection, file: collection, dataFile: collection };
        expect(() => manifestProblem(manifestWith({ databaseName }, [own]))).not.toThrow();
      }),
    );
  });

  test.each([
    { file: "../../secret" },
    { dataFile: "../../secret" },
    { dataFile: "/etc/passwd" },
    { dataFile: "other" },
    { dataFile: null },
    { name: "../secret", file: "../secret", dataFile: "../secret" },
    { name: "", file: "", dataFile: "" },
    { name: ".hidden", file: ".hidden", dataFile: ".hidden" },
    { name: "x".repeat(300) },
    { name: "a\udc00", file: "a", dataFile: "a" },
    { type: "folder" },
    { uuid: "x" },
    { options: "{}" },
    { options: Buffer.from("no bson").toString("base64") },
    { indexes: {} },
    { indexes: [7] },
    { bytes: -1 },
    { bytes: "0" },
    { documents: 1e300 },
    { sha256: "x" },
    { hash: 5 },
  ])("a collection with %j", async (change) => {
    const directory = await write("u000001", manifestWith({}, [{ ...entry, ...change }]));
    await expect(verifyDump(directory)).rejects.toMatchObject(mismatch);
  });

  test.each([
    ["no list", "items"],
    ["no object", [7]],
    ["null", [null]],
    ["two of one name", [entry, entry]],
  ])("collections that are %s", async (_, collections) => {
    const directory = await write("u000001", manifestWith({}, collections));
    await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
  });

  test("no value at all makes anything but a mismatch", async () => {
    const field = fc.constantFrom(...Object.keys(manifestWith({})));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue())),
        async (value) => {
          const directory = await write("u000001", value);
          await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
        },
      ),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(field, fc.jsonValue(), (name, value) => {
        const changed = { ...manifestWith({}), [name]: value };
        const problem = manifestProblem(changed);
        expect(problem === null || typeof problem === "string").toBe(true);
      }),
    );
  });

  test.each([
    ["a format that has no text", '{"format":{"toString":{}}}'],
    ["a format of a thousand digits", `{"format":${"9".repeat(1_000)}}`],
    [
      "a field that is nested deeply",
      `${JSON.stringify(manifestWith({})).slice(0, -1)},"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
    ],
    ["a list that is nested deeply", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
  ])("%s", async (_, text) => {
    const directory = await write("u000001", {});
    await writeFile(join(directory, manifestName), text);
    await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
  });

  test("files that are links, or a folder that is one", async () => {
    await writeFile(join(root, "secret"), "");
    const directory = await write("u000001", manifestWith({}));
    await rm(join(directory, "shop", "items.bson"));
    await symlink(join(root, "secret"), join(directory, "shop", "items.bson"));
    await expect(verifyDump(directory)).rejects.toMatchObject(mismatch);
    await symlink(directory, join(root, "linked"));
    await expect(readManifest(join(root, "linked"))).rejects.toMatchObject(mismatch);
  });

  test.each(["a link", "a second name", "a pipe"])(
    "%s where a corrected metadata file is written first: nothing outside is changed",
    async (kind) => {
      const options = definitionOf(BSON.serialize({ collation: { locale: "de" } }));
      const collated = { ...entry, options };
      const directory = await write("u000001", manifestWith({}, [collated]));
      const path = join(directory, "shop", "items.metadata.json");
      await writeFile(path, earlierMetadataOf(collated));
      const theirs = join(root, "theirs");
      await writeFile(theirs, "precious", { mode: 0o644 });
      if (kind === "a link") await symlink(theirs, `${path}.partial`);
      else if (kind === "a second name") await link(theirs, `${path}.partial`);
      else await runCommand("mkfifo", [`${path}.partial`], { timeoutMs: 5_000 });
      expect(await lstat(`${path}.partial`)).toBeTruthy();
      await verifyDump(directory);
      expect(await readFile(theirs, "utf8")).toBe("precious");
      expect((await stat(theirs)).mode & 0o777).toBe(0o644);
      expect(await readFile(path, "utf8")).toBe(metadataOf(collated));
      expect((await lstat(path)).isFile()).toBe(true);
    },
  );

  test("documents that unzip to more than the manifest says are not read to their end", async () => {
    const directory = await write("u000001", manifestWith({ gzip: true }));
    const folder = join(directory, "shop");
    await writeFile(join(folder, "items.metadata.json.gz"), gzipSync(metadataOf(entry)));
    await writeFile(join(folder, "items.bson.gz"), gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    let read = 0;
    const verifying = verifyDump(directory, (bytes) => {
      read += bytes;
    });
    await expect(verifying).rejects.toMatchObject(mismatch);
    expect(read).toBeLessThan(1024 * 1024);
  });

  test.each([
    ["a collection of the server's", { name: "system.views" }, {}],
    ["an option that is an argument of a command", {}, { create: "victim" }],
    ["an option that names another database", {}, { $db: "admin" }],
  ])("%s: nothing is restored", async (_, change, options) => {
    const odd = { ...entry, ...change, options: definitionOf(BSON.serialize(options)) };
    const named = { ...odd, file: odd.name, dataFile: odd.name };
    const directory = await write("u000001", manifestWith({}, [named]));
    await writeFile(join(directory, "shop", `${odd.name}.bson`), "");
    await writeFile(join(directory, "shop", `${odd.name}.metadata.json`), metadataOf(named));
    const { signal } = new AbortController();
    await expect(verifyBackup(directory, { signal })).rejects.toMatchObject(mismatch);
  });

  test("files larger than any of ours, zipped or not", async () => {
    const directory = await write("u000001", manifestWith({}));
    const path = join(directory, "shop", "items.metadata.json.gz");
    await writeFile(path, gzipSync(Buffer.alloc(limits.metadataBytesMax + 1)));
    expect((await stat(path)).size).toBeLessThan(1_000_000);
    await expect(readDumpText(path)).rejects.toMatchObject(mismatch);
    await writeFile(join(directory, manifestName), Buffer.alloc(limits.manifestBytesMax + 1));
    await expect(readManifest(directory)).rejects.toMatchObject(mismatch);
  });
});

describe("the sweep of old copies", () => {
  const sweep = () =>
    sweepBackups(join(root, "backups"), {
      keep: 1,
      referenced: [],
      isOurs: (name) => /^u\d{6}$/.test(name),
    });
  const at = (backupId: string, seconds: number, change: object = {}) =>
    write(backupId, manifestWith({ backupId, time: `${seconds}:1`, ...change }));
  const left = async () => (await readdir(join(root, "backups"))).toSorted();

  test("deletes the old ones by their folders' names", async () => {
    await at("u000001", 1);
    await at("u000002", 2);
    expect(await sweep()).toEqual(["u000001"]);
    expect(await left()).toEqual(["u000002"]);
  });

  test.each(["..", "../..", ".", "u000002/shop"])(
    "a manifest whose database is %j deletes nothing",
    async (databaseName) => {
      await at("u000001", 1, { databaseName });
      await at("u000002", 2);
      await at("u000003", 3);
      expect(await sweep()).toEqual(["u000002"]);
      expect(await left()).toEqual(["u000001", "u000003"]);
      expect(await readdir(join(root, "backups", "u000003"))).toContain("shop");
    },
  );

  test("a copy whose manifest was edited, or is of another folder, stays", async () => {
    const edited = await at("u000001", 1);
    await writeFile(
      join(edited, manifestName),
      JSON.stringify({ ...manifestWith({}), time: "9:9" }),
    );
    await at("u000002", 2, { backupId: "u000009" });
    await at("u000003", 3);
    await at("u000004", 4);
    expect(await sweep()).toEqual(["u000003"]);
    expect(await left()).toEqual(["u000001", "u000002", "u000004"]);
  });

  test("a link that is named like a copy stays, and so does what it points at", async () => {
    const theirs = join(root, "theirs");
    await mkdir(theirs);
    await writeFile(join(theirs, manifestName), JSON.stringify(manifestWith({ time: "1:1" })));
    await at("u000002", 2);
    await symlink(theirs, join(root, "backups", "u000001"));
    await at("u000003", 3);
    expect(await sweep()).toEqual(["u000002"]);
    expect(await readdir(theirs)).toEqual([manifestName]);
  });
});

describe("the metadata that a stock restore reads", () => {
  const german = { locale: "de", strength: 2 };
  const collated = { ...entry, options: definitionOf(BSON.serialize({ collation: german })) };
  const idIndex = (more: string) =>
    `{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"${more}}`;

  test("the _id index has the collection's collation, as mongodump writes it", () => {
    const collation = '{"locale":"de","strength":{"$numberInt":"2"}}';
    expect(metadataOf(collated)).toContain(`"indexes":[${idIndex(`,"collation":${collation}`)}]`);
    expect(metadataOf(entry)).toContain(`"indexes":[${idIndex("")}]`);
    expect(metadataOf({ ...collated, type: "timeseries" })).toContain('"indexes":[]');
    expect(metadataOf({ ...collated, type: "view" })).toContain('"indexes":[]');
  });

  test.each([false, true])(
    "a copy of an earlier build is mended when it is read, zipped: %s",
    async (gzip) => {
      const directory = await write("u000001", manifestWith({ gzip }, [collated]));
      const path = join(directory, "shop", `items.metadata.json${gzip ? ".gz" : ""}`);
      const earlier = metadataOf(collated).replace(/,"collation":\{[^}]*\}[^}]*\}(?=\})/, "");
      expect(earlier).toContain(`"indexes":[${idIndex("")}]`);
      await writeFile(path, gzip ? gzipSync(earlier) : earlier);
      if (gzip) await writeFile(join(directory, "shop", "items.bson.gz"), gzipSync(""));
      await verifyDump(directory);
      expect(await readDumpText(path)).toBe(metadataOf(collated));
      await writeFile(path, gzip ? gzipSync("{}") : "{}");
      await expect(verifyDump(directory)).rejects.toMatchObject(mismatch);
    },
  );
});
