import type { Mutant } from "./mutants.ts";

/** Ways to get readiness checks, silent agents and new hosts wrong. */
export const hostMutants: readonly Mutant[] = [
  {
    name: "a vote before the readiness check",
    layer: "simulation",
    says: /a vote comes after the readiness check/,
    edits: [
      {
        file: "machines/participant.ts",
        find: '{ target: "checking-readiness" }],',
        replace: '{ target: "awaiting-peers" }],',
      },
    ],
  },
  {
    name: "a silent agent's deadline that starts again",
    layer: "simulation",
    says: /L2/,
    edits: [
      {
        file: "src/upgrade/protocol/derive.ts",
        find: 'if (!wasSilent && liveness === "absent")',
        replace: 'if (liveness === "absent")',
      },
    ],
  },
  {
    name: "a gate that opens on a host whose files match no known version",
    layer: "simulation",
    says: /opens on files of/,
    edits: [
      {
        file: "src/upgrade/participant/participant-loop.ts",
        find: "const stepsVersion = await world.localJournal.stepsVersion();",
        replace: "const stepsVersion = (await world.localJournal.stepsVersion()) ?? world.version;",
      },
      {
        file: "src/upgrade/participant/local/host-version.ts",
        find: "if (stepsVersion !== undefined && !lt(stepsVersion, to)) return false;",
        replace: "if (stepsVersion === undefined || !lt(stepsVersion, to)) return false;",
      },
    ],
  },
];
