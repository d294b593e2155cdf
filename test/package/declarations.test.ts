// Aim: our types compile with whatever settings the application has (`node10` without `esModuleInterop` too): they lean on
// no package but the two that the application installs itself. Method: the declarations of the build, followed from each
// entry.
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { expect, test } from "vitest";

/** The packages that the declarations of a file import, and those of the files that it imports. */
async function packagesOf(path: string, seen: Set<string>): Promise<readonly string[]> {
  if (seen.has(path)) return [];
  seen.add(path);
  const text = await readFile(path, "utf8");
  const found: string[] = [];
  for (const [, from = ""] of text.matchAll(/(?:\bfrom |\bimport\()"([^"]+)"/g)) {
    if (!from.startsWith(".")) found.push(from);
    else {
      const next = resolve(dirname(path), from.replace(/\.[jt]s$/, ".d.ts"));
      found.push(...(await packagesOf(next, seen)));
    }
  }
  return found;
}

test.each(["index", "engine/index", "engine/testing/index"])("%s", async (entry) => {
  const seen = new Set<string>();
  const packages = await packagesOf(resolve(`dist/src/${entry}.d.ts`), seen);
  expect(seen.size).toBeGreaterThan(3);
  const own = packages.filter((name) => !name.startsWith("node:"));
  expect([...new Set(own)].filter((name) => !["mongodb", "xstate"].includes(name))).toEqual([]);
});
