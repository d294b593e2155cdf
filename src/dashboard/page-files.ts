import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { LockstepError, messageOf } from "../errors.ts";

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/**
 * The built page, by the paths under which it is served. All of it is in memory, so no request names a file.
 * @throws LockstepError `file-trouble`
 */
export async function readPage(directory: string): Promise<ReadonlyMap<string, PageFile>> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    const files = await Promise.all(
      entries
        .filter((entry) => entry.isFile() && types[extname(entry.name)] !== undefined)
        .map(async (entry) => {
          const path = join(entry.parentPath, entry.name);
          const served = `/${relative(directory, path).split(sep).join("/")}`;
          const type = types[extname(entry.name)] ?? "";
          return [served, { type, bytes: new Uint8Array(await readFile(path)) }] as const;
        }),
    );
    const page = new Map<string, PageFile>(files);
    if (!page.has("/index.html")) throw new Error("it has no index.html");
    return page;
  } catch (error) {
    throw new LockstepError(
      "file-trouble",
      `expected the dashboard's page in ${directory}, found none: install the package anew, or run \`npm run build\` in a clone; ${messageOf(error)}`,
    );
  }
}
