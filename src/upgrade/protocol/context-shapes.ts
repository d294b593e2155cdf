import type { ParticipantContext } from "../../../machines/participant-context.ts";
import type {
  Copy,
  Pause,
  Required,
  StepFigures,
  UpgradeContext,
} from "../../../machines/upgrade-context.ts";
import type {
  BackupPoint,
  Deadlines,
  PlanSummary,
  RestoreOf,
  SavedWrites,
} from "../../../machines/vocabulary.ts";
import { roleShape } from "../../control/role-shape.ts";
import { reasonShape } from "../../journal/entry-shape.ts";
import {
  count,
  fields,
  figure,
  flag,
  list,
  nullable,
  optional,
  record,
  text,
} from "../../shape.ts";

const reason = nullable(reasonShape);
const plan = { hash: text, steps: optional(list(text)), schemaSteps: count, protocol: count };
const backup = nullable(
  fields<BackupPoint>({ time: text, foreignWrites: text, digest: text, catalogue: text }),
);
const copy = fields<Copy>({ digest: nullable(text), reason });

export const deadlinesShape = fields<Deadlines>({
  waitingMs: figure,
  backingUpMs: figure,
  noProgressMs: figure,
  pausedMs: figure,
  peersMs: figure,
  silentMs: figure,
  rollingBackMs: figure,
});

/** The fields of a coordinator's context that others read and decide by. */
export const upgradeContextShape = fields<UpgradeContext>({
  upgradeId: text,
  from: text,
  to: text,
  required: list(fields<Required>({ agent: text, role: roleShape })),
  deadlines: deadlinesShape,
  restoreOf: nullable(fields<RestoreOf>({ backupId: text, digest: text, holders: list(text) })),
  acceptedAt: figure,
  catalogue: optional(text),
  ready: record(fields<PlanSummary & { incarnation: number }>({ ...plan, incarnation: count })),
  gatesShut: flag,
  backup,
  copies: record(copy),
  momentsGone: count,
  differed: optional(reason),
  expected: nullable(text),
  rehearsed: list(
    fields<StepFigures>({ step: text, durationMs: figure, documents: figure, batches: figure }),
  ),
  growthBytes: nullable(figure),
  touched: flag,
  pause: nullable(fields<Pause>({ why: text })),
  voted: list(text),
  silent: list(text),
  verifying: flag,
  verified: flag,
  restored: flag,
  undone: list(text),
  debtors: list(text),
  excluded: list(text),
  reason,
  blockedReason: reason,
  foreignWritesAccepted: flag,
  saved: optional(
    fields<SavedWrites>({ agent: text, path: nullable(text), documents: count, deletions: count }),
  ),
  earlyWrites: optional(list(text)),
});

/** The fields of a participant's context that others read and decide by. */
export const participantContextShape = fields<ParticipantContext>({
  agent: text,
  role: roleShape,
  upgradeId: text,
  from: text,
  to: text,
  running: nullable(text),
  incarnation: count,
  plan: nullable(fields<PlanSummary>(plan)),
  gateShut: flag,
  leaving: flag,
  late: flag,
  turnedBack: flag,
  superseded: flag,
  backup,
  copy: nullable(copy),
  undone: flag,
  reason,
});
