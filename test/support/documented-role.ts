import { readFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";
import type { Document } from "mongodb";

/** The names on the page that differ from fleet to fleet. */
export interface RoleNames {
  readonly application: string;
  readonly restoredBeside: string;
}

/**
 * The commands that the scripts in docs/rights.md send to the server, for other names than the documented ones:
 * so the page cannot differ from what is tried. The first makes the role, the second adds to it.
 */
export async function documentedRole(
  names: RoleNames,
): Promise<{ readonly smallest: Document; readonly more: Document }> {
  const page = await readFile("docs/rights.md", "utf8");
  const scripts = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, script = ""]) => script);
  const sent = (command: string): Document => {
    const commands: Document[] = [];
    const server = { runCommand: (body: Document) => void commands.push(body) };
    const script = scripts
      .filter((text) => text.includes(`${command}:`))
      .join("\n")
      .replaceAll('"catalogue_before"', JSON.stringify(names.restoredBeside))
      .replaceAll('"catalogue"', JSON.stringify(names.application));
    runInNewContext(script, { db: { getSiblingDB: () => server } });
    // Made of this context's own objects: the driver knows no others.
    return JSON.parse(JSON.stringify(commands[0])) as Document;
  };
  return { smallest: sent("createRole"), more: sent("grantPrivilegesToRole") };
}
