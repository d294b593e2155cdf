import type { ParticipantInput } from "../../../machines/participant-context.ts";
import type { Reason } from "../../../machines/vocabulary.ts";
import { participantId } from "../../control/ids.ts";
import type { Engine } from "../../fleet-engine/engine.ts";
import type { AgentIdentity, AgentPorts, HostVersions } from "../agent-identity.ts";
import type { Gate } from "./gate/gate.ts";

/** The means of the participant's loop. */
export interface ParticipantWorld
  extends Omit<AgentIdentity, "dataDirectory">,
    Pick<AgentPorts, "store" | "localJournal" | "log">,
    Pick<HostVersions, "writeWantedVersion"> {
  readonly engine: Engine;
  readonly gate: Gate;
  readonly cannotStart: Reason | null;
  /** True where the files of a host that does not know their version match this build's. */
  readonly fresh: boolean;
  /** Ends this process, for another version. */
  leave(): void;
  /** True for an actor that was there before this process: its fall-back is about that one. */
  wasTakenOver(actor: string): boolean;
}

/** The means of moving its gate. */
export type GateWorld = Pick<ParticipantWorld, "store" | "gate" | "version" | "log">;

/** Creates this agent's participant, where it is not there yet. */
export async function ensureParticipant(
  world: ParticipantWorld,
  input: Pick<ParticipantInput, "upgradeId" | "from" | "to">,
  { protocol }: { readonly protocol: number },
): Promise<void> {
  const { agent, role } = world;
  const actor = participantId(agent, input.upgradeId);
  await world.engine.create(
    actor,
    "participant",
    { agent, role, ...input } satisfies ParticipantInput,
    {
      owner: { kind: "pinned", agent },
      // The upgrade ends in the protocol in which it began: the build before this one may have to go on with it.
      protocol,
    },
  );
}
