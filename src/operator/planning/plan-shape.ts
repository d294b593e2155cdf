import { createHash } from "node:crypto";
import type { Deadlines, Role } from "../../../machines/vocabulary.ts";
import { roleShape } from "../../control/role-shape.ts";
import { LockstepError } from "../../errors.ts";
import { count, fields, figure, flag, list, nullable, type Shape, text } from "../../shape.ts";
import { deadlinesShape } from "../../upgrade/protocol/context-shapes.ts";
import { type DescribedStep, describedStepShape } from "../../upgrade/protocol/described-steps.ts";

/** The time that a state takes, by earlier upgrades or by the size of the data; null where nothing is known. */
export interface StateEstimate {
  readonly state: string;
  readonly ms: { readonly least: number; readonly most: number } | null;
}

/** One check with its outcome. */
export interface PlannedCheck {
  readonly name: string;
  readonly isPassed: boolean;
  /** The figures, or why an upgrade would be refused. */
  readonly figure: string;
  /** The error code of a refusal, or null. */
  readonly code: string | null;
  readonly warning: string | null;
}

/** An upgrade as it would be, and the facts on which that rests. */
export interface FleetPlan {
  readonly databaseName: string;
  readonly controlDatabaseName: string;
  /** Milliseconds by the database's clock. */
  readonly madeAt: number;
  readonly generation: number;
  readonly from: string;
  readonly to: string;
  readonly deadlines: Deadlines;
  readonly agents: readonly {
    readonly agent: string;
    readonly role: Role;
    readonly version: string;
    /** True where the upgrade waits for it. */
    readonly isRequired: boolean;
  }[];
  readonly steps: readonly DescribedStep[];
  readonly stepHash: string;
  readonly collections: readonly { readonly name: string; readonly digest: string }[];
  readonly estimates: readonly StateEstimate[];
  readonly checks: readonly PlannedCheck[];
}

const range = fields<{ least: number; most: number }>({ least: figure, most: figure });
const planShape: Shape = fields<FleetPlan>({
  ...{ databaseName: text, controlDatabaseName: text, madeAt: figure, generation: count },
  ...{ from: text, to: text, stepHash: text },
  deadlines: deadlinesShape,
  agents: list(
    fields<FleetPlan["agents"][number]>({
      ...{ agent: text, role: roleShape, version: text, isRequired: flag },
    }),
  ),
  steps: list(describedStepShape),
  collections: list(fields<{ name: string; digest: string }>({ name: text, digest: text })),
  estimates: list(fields<StateEstimate>({ state: text, ms: nullable(range) })),
  checks: list(
    fields<PlannedCheck>({
      ...{ name: text, isPassed: flag, figure: text },
      ...{ code: nullable(text), warning: nullable(text) },
    }),
  ),
});

const planFormat = "lockstep-plan";
/** Raised when a build that knows this version could not read the file any more. */
const planFormatVersion = 1;

/** The file of a plan. */
export interface PlanFile {
  readonly format: typeof planFormat;
  readonly formatVersion: typeof planFormatVersion;
  /** SHA-256 over the JSON of the plan. */
  readonly seal: string;
  readonly plan: FleetPlan;
}

const sealOf = (plan: unknown): string =>
  createHash("sha256").update(JSON.stringify(plan)).digest("hex");

/** The text of a plan's file. The seal shows an accident or an edit; it proves nothing against an attacker. Pure. */
export function planText(plan: FleetPlan): string {
  const file: PlanFile = {
    ...{ format: planFormat, formatVersion: planFormatVersion, seal: sealOf(plan), plan },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function notAPlan(why: string): LockstepError {
  return new LockstepError(
    "bad-argument",
    `expected a file that \`lockstep plan --out\` has written, ${why}: make the plan again; nothing was asked for`,
  );
}

/**
 * The plan in a file. Pure.
 * @throws LockstepError `bad-argument` for a file that is cut, edited, of a later build, or none of ours
 */
export function planOfText(content: string): FleetPlan {
  let found: unknown;
  try {
    found = JSON.parse(content);
  } catch {
    throw notAPlan("found one that is cut off or holds no JSON");
  }
  const { format, formatVersion, seal, plan } = (found ?? {}) as Partial<Record<string, unknown>>;
  if (format !== planFormat) throw notAPlan("found another one");
  if (formatVersion !== planFormatVersion) {
    throw notAPlan(
      `found one of version ${String(formatVersion)}, and this build reads version ${planFormatVersion}`,
    );
  }
  if (plan !== undefined && seal !== sealOf(plan))
    throw notAPlan("found one that was changed since");
  const wrong = planShape(plan, "plan");
  if (wrong !== null) throw notAPlan(`found a wrong one: ${wrong}`);
  return plan as FleetPlan;
}
