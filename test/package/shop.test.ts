// Aim: a newcomer comes from an empty folder to a first upgrade of an own application, also where that upgrade brings
// another driver. Method: the walk of examples/shop runs as a newcomer runs it, with the packed package, on a real set of
// its own. The first release runs on the newest driver of major version 6. The second one has its own copies of Lockstep
// and of the oldest driver of version 7. So the command that rehearses its steps gets values of another driver than its own.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, MongoClient } from "mongodb";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../src/local/mongod-process.ts";
import { startReplicaSet } from "../../src/local/replica-set.ts";
import { runCommand } from "../../src/ports/process.ts";
import { packInto, ranIn } from "../support/packed.ts";

test("from an empty folder to the first upgrade", { timeout: 400_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), "lockstep-shop-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const set = await startReplicaSet({ mongodPath: inject("mongodPath") });
  onTestFinished(() => set.stop());
  const client = new MongoClient(set.url("shop"));
  onTestFinished(() => client.close());

  const archive = await packInto(root);
  const example = join(root, "example");
  await cp("examples/shop", example, { recursive: true });
  const second = join(example, "releases/1.1.0");
  await writeFile(join(second, "package.json"), '{ "private": true, "type": "module" }\n');
  await ranIn(second, "npm", "install", "--prefer-offline", archive, "mongodb@7.0.0");

  const folder = join(root, "my-shop");
  await mkdir(folder);
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const variables = [
    ...[`LOCKSTEP_MONGO_URL=${set.url("shop")}`, `SHOP_PORTS=${ports.join(" ")}`],
    "npm_config_prefer_offline=true",
  ];
  const command = ["bash", join(example, "walk.sh"), archive, "mongodb@6"];
  const walk = await runCommand("env", [...variables, ...command], {
    timeoutMs: 360_000,
    cwd: folder,
  });
  const logs = await Promise.all(
    [1, 2, 3].map((n) => readFile(join(folder, `a${n}.log`), "utf8").catch(() => "")),
  );
  expect(walk?.exitCode, `${walk?.stdout}\n${walk?.stderr}\n${logs.join("\n\n")}`).toBe(0);
  const driverOf = async (release: string) =>
    JSON.parse(await readFile(join(release, "node_modules/mongodb/package.json"), "utf8")).version;
  expect(await driverOf(folder)).toMatch(/^6\./);
  expect(await driverOf(join(folder, "releases/1.1.0"))).toBe("7.0.0");

  const lines = (walk?.stdout ?? "").split("\n");
  const price = "1.1.0: a mug costs 1250 cents (EUR, now in cents)";
  expect(lines.filter((line) => line === "1.0.0: a mug costs 12.5")).toHaveLength(3);
  expect(lines.filter((line) => line === price)).toHaveLength(3);
  expect(lines).toContain("1.0.0: ordered a mug");
  expect(lines).toContain("1.1.0: ordered a mug");
  const [, last = ""] = (walk?.stdout ?? "").split("# the upgrade");
  for (const n of [1, 2, 3])
    expect(last).toMatch(new RegExp(`a${n} +1\\.1\\.0 +active +gate open`));
  expect(last).toMatch(/1\.0\.0 → 1\.1\.0 {2}done/);

  const products = client.db().collection("products");
  const all = await products.find({}, { promoteValues: false }).toArray();
  expect(all).toHaveLength(2_001);
  expect(all.every((each) => each["price"].cents instanceof Int32)).toBe(true);
  expect(await products.indexExists("by-price")).toBe(true);
  expect(await client.db().collection("orders").countDocuments()).toBe(2);
  for (const port of ports) {
    expect(await fetch(`http://127.0.0.1:${port}/?sku=mug`).catch(() => "closed")).toBe("closed");
  }
});
