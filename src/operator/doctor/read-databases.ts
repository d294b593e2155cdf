import { registeredControls } from "../../control/fleet-registry.ts";
import { claimText, isOver, readFleetClaims } from "../../leadership/claims.ts";
import { controlOf, readFence } from "../../leadership/fences.ts";
import { listCollections, viewsCollection } from "../../mongo/catalogue/catalogue.ts";
import { controlsOf, scratchDatabaseNames } from "../../mongo/database-names.ts";
import { visibleDatabases } from "../../mongo/requirements/preflight.ts";
import type { OpenFleet } from "../open-fleet.ts";
import type { Finding } from "./finding.ts";
import { type FoundClaim, judgeClaims, judgeScratch, judgeStrays } from "./judge-databases.ts";

async function readClaims(fleet: OpenFleet): Promise<readonly FoundClaim[]> {
  const { client, controlDatabaseName } = fleet;
  const epoch = (await readFence(controlOf(fleet)))?.epoch ?? 0;
  const claims = await readFleetClaims(client, controlDatabaseName);
  return claims.map((claim) => ({
    name: claim.name,
    words: claimText(claim),
    isOver: isOver(claim, controlDatabaseName, epoch - 1),
  }));
}

/** True where a database holds a collection. The server may keep an empty record of views that are gone. */
async function isFilled({ client }: OpenFleet, name: string): Promise<boolean> {
  const found = await listCollections(client, name, { name: { $ne: viewsCollection } });
  return found.length > 0;
}

/** Examines the databases that Lockstep keeps beside the application's. */
export async function examineDatabases(fleet: OpenFleet): Promise<readonly Finding[]> {
  const { client, controlDatabaseName } = fleet;
  const pool = scratchDatabaseNames(controlDatabaseName);
  const before = await readClaims(fleet);
  const names = await visibleDatabases(client);
  const there = pool.filter((name) => names.includes(name));
  const filled: string[] = [];
  for (const name of there) if (await isFilled(fleet, name)) filled.push(name);
  const claims = await readClaims(fleet);
  const own = controlDatabaseName.toLowerCase();
  const others = controlsOf(names).filter((name) => name.toLowerCase() !== own);
  return [
    judgeScratch(pool, filled, claims, before),
    judgeClaims(pool, claims),
    judgeStrays(others, await registeredControls(client, others)),
  ];
}
