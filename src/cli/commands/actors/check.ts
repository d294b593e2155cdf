import type { Command } from "commander";
import { counted } from "../../../counted.ts";
import { limits } from "../../../limits.ts";
import type { MachineCheck } from "../../../operator/machines/check-machines.ts";
import { importModule } from "../../../ports/import-module.ts";
import { printableLine } from "../../../printable.ts";
import { exitCodes } from "../../exit-codes.ts";
import { addMongoUrlOptions } from "../../input/mongo-url.ts";
import { jsonLine } from "../../output/json-line.ts";
import { fleetOptions, type Settle, type SharedOptions, type Terminal } from "../../run.ts";

interface CheckOptions extends Omit<SharedOptions, "fleet"> {
  readonly database?: string;
}

/** Adds `lockstep check MODULE`. */
export function addCheckCommand(program: Command, terminal: Terminal, settle: Settle): void {
  addMongoUrlOptions(
    program
      .command("check <module>")
      .description("try the way of each living actor to the machines that a module exports"),
  )
    .option("--database <name>", "the engine's database (default: the URL's)")
    .option("--json", "print one JSON object a line")
    .option("--timeout <time>", "how long to wait for the database, as 30s")
    .exitOverride()
    .action((path: string, options: CheckOptions) => settle(check(path, options, terminal)));
}

async function check(path: string, options: CheckOptions, terminal: Terminal): Promise<number> {
  const { mongoUrl, timeoutMs, signal } = fleetOptions(options, terminal);
  const { database, json } = options;
  const exports = await importModule(path, "MODULE");
  const { checkMachines } = await import("../../../operator/machines/check-machines.ts");
  const checks = await checkMachines({ mongoUrl, database, exports, timeoutMs, signal });
  for (const each of checks) {
    for (const line of json ? jsonLines(each) : textLines(each)) terminal.out(line);
  }
  return checks.every(({ isSafe }) => isSafe) ? exitCodes.done : exitCodes.unsafe;
}

function jsonLines({ troubles, ...rest }: MachineCheck): readonly string[] {
  const { machine } = rest;
  const lines = troubles.map((trouble) => jsonLine({ type: "trouble", machine, ...trouble }));
  return [...lines, jsonLine({ type: "check", ...rest, troubles: troubles.length })];
}

function textLines({
  machine,
  version,
  database,
  actors,
  troubles,
  omitted,
  isSafe,
}: MachineCheck): readonly string[] {
  const count = troubles.length + omitted;
  const found = isSafe ? "each goes on with all that it has" : counted(count, "trouble");
  const head = `${machine} ${version}: ${actors} living actors in "${database}": ${actors === 0 ? "nothing to check" : found}`;
  const shown = troubles.slice(0, limits.checkTroublesShownMax);
  const lines = shown.map(({ id, version: from, state, trouble, what, message }) =>
    printableLine(`  ${id}  ${from} in ${state}  ${trouble}  ${what}: ${message}`),
  );
  const more = count - shown.length;
  return [head, ...lines, ...(more > 0 ? [`  and ${more} more; --json lists them`] : [])];
}
