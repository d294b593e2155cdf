import { readFileSync } from "node:fs";

/** The version of this package, by its manifest. */
export function packageVersion(): string {
  // The compiled program lies in dist/src/ports.
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(manifest) as { version?: unknown }).version);
}
