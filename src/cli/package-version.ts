import { readFileSync } from "node:fs";

/** The version of this package, as its manifest at the root says it. */
export function packageVersion(): string {
  // From dist/src/cli, where the compiled program lies.
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(manifest) as { version?: unknown }).version);
}
