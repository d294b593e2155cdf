import { lt, valid } from "semver";
import type { UpgradeContext } from "../../../../machines/upgrade-context.ts";
import type { Deadlines } from "../../../../machines/vocabulary.ts";
import { isSilent, readAgents } from "../../../control/agents.ts";
import { coordinatorId, coordinatorPrefix, masterRole } from "../../../control/ids.ts";
import {
  type Answer,
  answerWrite,
  type FleetRequest,
  type InboxItem,
} from "../../../control/inbox.ts";
import { keepCatalogue } from "../../../control/kept-catalogues.ts";
import { noVersionError, readVersions } from "../../../control/versions.ts";
import { LockstepError } from "../../../errors.ts";
import type { Versions } from "../../../journal/store.ts";
import { contextOf, unreadable } from "../../fleet-journal.ts";
import { readOpenParts } from "../../open-parts.ts";
import { decideAcceptance, type Wanted } from "../../protocol/accept.ts";
import { betweenDown } from "../../protocol/going-back.ts";
import type { MasterWorld } from "./master-world.ts";

const owner = { kind: "role", role: masterRole } as const;

function wantedBy(request: FleetRequest & { kind: "upgrade" | "restore" }): Wanted {
  if (request.kind === "upgrade") return { to: request.to, restoreOf: null };
  const { backupId, digest, version } = request.backup;
  return { to: version, restoreOf: { backupId, digest } };
}

/** The steps between the fleet's version and a lower one that is wanted, which that one cannot undo. */
async function readBetween(
  { store, steps }: MasterWorld,
  { agentVersion }: Versions,
  { to }: Wanted,
): Promise<readonly string[]> {
  if (valid(to) === null || !lt(to, agentVersion)) return [];
  const done = (await store.tails(coordinatorPrefix)).filter(({ state }) => state === "done");
  const unread = done.filter((tail) => unreadable(tail) !== null);
  const read = done.filter((tail) => unreadable(tail) === null);
  const contexts = read.map((tail) => contextOf<UpgradeContext>(tail));
  return [
    ...betweenDown(steps, { from: agentVersion, to }, contexts),
    ...unread.map(({ actor }) => `${actor}, which this build cannot read`),
  ];
}

/** @throws LockstepError `plan-differs` where another upgrade came after the plan */
function requireGeneration({ generation }: Versions, planned: number | undefined): void {
  if (planned === undefined || planned === generation) return;
  throw new LockstepError(
    "plan-differs",
    `expected the fleet in the generation ${planned}, for which it was planned, found ${generation}: another upgrade came in between; make the plan again`,
    { planned, generation },
  );
}

/** Accepts a request for another version or for a restore: its upgrade begins with the answer. */
export async function acceptUpgrade(
  world: MasterWorld,
  item: InboxItem,
  request: FleetRequest & { kind: "upgrade" | "restore" },
): Promise<void> {
  const { store, engine } = world;
  const versions = await readVersions(store);
  if (!versions) throw noVersionError();
  if (request.kind === "upgrade") requireGeneration(versions, request.generation);
  const [agents, nowMs] = [await readAgents(store), await store.now()];
  const isUnheard = agents.some((agent) => agent.role === "state-server" && isSilent(agent, nowMs));
  if (isUnheard && !world.failureDetector.canJudgeSilence(nowMs)) {
    throw new LockstepError(
      "database-unreachable",
      "some state servers have not been heard yet: the request is judged again",
    );
  }
  const wanted = wantedBy(request);
  const input = decideAcceptance({
    versions,
    between: await readBetween(world, versions, wanted),
    agents,
    wanted,
    deadlines: request.deadlines as Partial<Deadlines>,
    openParts: await readOpenParts(store, agents),
    nowMs,
  });
  const { warnings, catalogue } = await world.preflight(
    request.kind === "restore" ? request.backup : { bytes: 0, files: 0 },
  );
  // A later look compares with it: a new build may change definitions before there are copies.
  const digest = await keepCatalogue(world, input.upgradeId, catalogue);
  const what = input.restoreOf ? `restore of ${input.restoreOf.backupId},` : "upgrade";
  const answer: Answer = {
    ok: true,
    upgradeId: input.upgradeId,
    message: [
      `accepted as ${input.upgradeId}: ${what} ${input.from} to ${input.to}`,
      `writers outside the fleet are ${world.foreignWrites}`,
      ...warnings,
    ].join("; "),
  };
  await engine.create(
    coordinatorId(input.upgradeId),
    "upgrade",
    { ...input, catalogue: digest },
    { owner, writes: [answerWrite(item.id, answer)] },
  );
}
