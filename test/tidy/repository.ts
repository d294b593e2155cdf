import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

/** The folder of the repository. */
export const root = resolve(".");

/** The text of a file of the repository. */
export const textOf = (path: string) => readFile(join(root, path), "utf8");

/** The sources below a folder, by their paths. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes("node_modules"));
}

/** The pages for users and maintainers. A picture has no text. */
export async function documentPages(): Promise<readonly string[]> {
  const docs = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md"));
  return [
    ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "test/README.md"],
    ...["examples/shop/README.md", "examples/engine/README.md"],
    ...docs.map((name) => `docs/${name}`),
  ];
}
