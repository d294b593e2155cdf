import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { compare, gt, lte, valid } from "semver";
import type { SchemaContext } from "../../database/migration/schema-context.ts";
import { isStepCollection } from "../../database/migration/step-arguments.ts";
import { requireName } from "../../entity-names.ts";
import { assert, LockstepError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Log } from "../../log.ts";
import { checkOptions, type OptionShapes } from "../../options.ts";
import { anything, described } from "../../shape.ts";

/** The context of a local step. It has no database writes, since a local step changes its own host only. */
export interface LocalStepContext {
  readonly from: string;
  readonly to: string;
  /** The moment the upgrade was accepted, equal on every host and every attempt. */
  readonly now: Date;
  /** A stable id made of the upgrade, the step and the seed. */
  id(seed: string): string;
  /** Aborts when the upgrade turns back; a step that ignores it makes its process leave. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly dataDirectory: string;
  /** 1 for the first attempt on this host. */
  readonly attempt: number;
  /** Saves a before-image of a file; whichever version turns back puts it back. */
  keep(path: string): Promise<void>;
}

interface StepBase {
  /** Unique over all versions. */
  readonly name: string;
  /** The version that this step belongs to. */
  readonly version: string;
  readonly description: string;
}

/** A schema step: run once by the master, rehearsed on a copy first. Must be deterministic. */
export interface SchemaStep extends StepBase {
  readonly target: "MasterStateServer";
  /**
   * All collections and views that its transactions use, also those that a pipeline joins. The rehearsal loads only
   * these for a transaction. Default: any, so the rehearsal loads the whole copy.
   */
  readonly reads?: readonly string[];
  run(context: SchemaContext): Promise<void>;
}

/** A local step: run on every host of its target, at least once. */
export interface LocalStep extends StepBase {
  readonly target: "StateServer" | "AllMachines";
  run(context: LocalStepContext): Promise<void>;
  /** Undoes what is not a file kept by `keep`. */
  revert?(context: LocalStepContext): Promise<void>;
}

export type Step = SchemaStep | LocalStep;

/** The steps by which one version's binary goes from one version to another. */
export interface Plan {
  readonly schema: readonly SchemaStep[];
  readonly local: readonly LocalStep[];
  readonly hash: string;
  /** The steps for `PlanSummary`. */
  readonly digests: readonly string[];
}

/** Each field has a check of its own. */
const stepShapes: OptionShapes<Omit<SchemaStep, "target"> & LocalStep> = {
  ...{ name: anything, version: anything, target: anything, description: anything },
  ...{ reads: anything, run: anything, revert: anything },
};

const targets: readonly string[] = ["MasterStateServer", "StateServer", "AllMachines"];

/** @throws LockstepError `bad-argument` where a part of a step is missing or misspelt: a program in JavaScript has no types */
function requireParts({ name, ...step }: Step): void {
  const { target, description, run, revert } = step as Readonly<Record<string, unknown>>;
  const isLocal = target !== "MasterStateServer";
  const wrong = [
    targets.includes(String(target)) ? null : `a target of ${targets.join(", ")}`,
    typeof description === "string" ? null : "a description in words",
    typeof run === "function" ? null : "a function `run`",
    revert === undefined || (isLocal && typeof revert === "function")
      ? null
      : "a `revert` that is a function, of a local step alone",
  ].find((part) => part !== null);
  if (wrong === undefined) return;
  throw new LockstepError(
    "bad-argument",
    `step "${name}": expected ${wrong}, found another one: correct it`,
    { step: name },
  );
}

/** @throws LockstepError `bad-argument` where `reads` is no list of collections, or belongs to a local step */
function requireReads(step: Step): void {
  if (!("reads" in step) || step.reads === undefined) return;
  const { reads } = step as { readonly reads: unknown };
  const isList =
    step.target === "MasterStateServer" &&
    Array.isArray(reads) &&
    reads.length <= limits.stepReadsMax &&
    reads.every(isStepCollection) &&
    new Set(reads).size === reads.length;
  if (isList) return;
  throw new LockstepError(
    "bad-argument",
    `step "${step.name}": expected reads of a schema step to be a list of at most ${limits.stepReadsMax} different names of collections, got ${inspect(reads, { breakLength: Number.POSITIVE_INFINITY }).slice(0, limits.printedBytesMax)}: correct it, or leave it out`,
    { step: step.name },
  );
}

/**
 * Declares all steps in one place and one way.
 * @throws LockstepError `duplicate-step`, `version-not-semver`, `bad-argument`
 */
export function defineSteps(steps: readonly Step[]): readonly Step[] {
  if (!Array.isArray(steps)) {
    throw new LockstepError("bad-argument", `expected a list of steps, got ${described(steps)}`);
  }
  if (steps.length > limits.stepsMax) {
    throw new LockstepError(
      "bad-argument",
      `expected at most ${limits.stepsMax} steps, got ${steps.length}`,
    );
  }
  const names = new Set<string>();
  for (const [index, step] of steps.entries()) {
    // A misspelt `revert` would undo nothing.
    checkOptions(`steps[${index}]`, step, stepShapes);
    requireName("step", step.name, "rename it");
    if (names.has(step.name)) {
      throw new LockstepError(
        "duplicate-step",
        `two steps are named "${step.name}": step names are unique over all versions; rename one`,
        { step: step.name },
      );
    }
    names.add(step.name);
    requireParts(step);
    requireReads(step);
    if (valid(step.version) !== step.version) {
      throw new LockstepError(
        "version-not-semver",
        `step "${step.name}": expected a version like 1.2.3, got "${step.version}"`,
        { step: step.name },
      );
    }
  }
  return Object.freeze([...steps]);
}

function hashOf(steps: readonly Step[]): string {
  const hash = createHash("sha256");
  for (const step of steps) {
    const revert = "revert" in step && step.revert ? String(step.revert) : "";
    // A step without `reads` keeps the hash that it had before `reads` existed.
    const reads = "reads" in step && step.reads ? [step.reads] : [];
    hash.update(
      JSON.stringify([
        step.version,
        step.name,
        step.target,
        step.description,
        String(step.run),
        revert,
        ...reads,
      ]),
    );
  }
  return hash.digest("hex");
}

/** The steps of each version, and each step, as `NAME DIGEST`; without either where there are too many of them. */
function digestsOf(steps: readonly Step[]): readonly string[] {
  const text = (name: string, some: readonly Step[]) =>
    `${name} ${hashOf(some).slice(0, limits.stepDigestLength)}`;
  const ofVersion = (of: string) =>
    text(
      of,
      steps.filter(({ version }) => version === of),
    );
  const versions = [...new Set(steps.map(({ version }) => version))];
  // Too many are not hashed first, since every plan comes here.
  return [
    ...(versions.length <= limits.stepsNamedMax ? versions.map(ofVersion) : []),
    ...(steps.length <= limits.stepsNamedMax ? steps.map((step) => text(step.name, [step])) : []),
  ];
}

/** The steps with from < version ≤ to, by version, then list order; schema steps apart from local ones. */
export function planOf(steps: readonly Step[], from: string, to: string): Plan {
  const chosen = steps
    .filter(({ version }) => gt(version, from) && lte(version, to))
    .toSorted((left, right) => compare(left.version, right.version));
  const schema = chosen.filter((step) => step.target === "MasterStateServer");
  const local = chosen.filter((step) => step.target !== "MasterStateServer");
  assert(schema.length + local.length === chosen.length, "every chosen step has one target");
  return { schema, local, hash: hashOf(chosen), digests: digestsOf(chosen) };
}
