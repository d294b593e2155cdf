import { fields, list, nullable, oneOf, type Shape, text } from "../../shape.ts";
import { defineSteps, planOf, type Step } from "./steps.ts";

/** A step without its code. */
export interface DescribedStep {
  readonly name: string;
  readonly version: string;
  readonly target: string;
  readonly description: string;
  /** The collections that its transactions use, where it declares them. */
  readonly reads: readonly string[] | null;
  /** The way by which it is undone where the upgrade goes back. */
  readonly undo: "the copies" | "its revert" | "kept files";
}

/** The steps by which a build goes from a version to its own, in their order. */
export interface DescribedSteps {
  readonly from: string;
  /** The version of the build. */
  readonly to: string;
  /** The hash that an agent of the build reports in such an upgrade. */
  readonly hash: string;
  readonly steps: readonly DescribedStep[];
}

export const describedStepShape: Shape = fields<DescribedStep>({
  ...{ name: text, version: text, target: text, description: text },
  ...{ reads: nullable(list(text)), undo: oneOf("the copies", "its revert", "kept files") },
});

export const describedStepsShape: Shape = fields<DescribedSteps>({
  ...{ from: text, to: text, hash: text, steps: list(describedStepShape) },
});

function described(step: Step): DescribedStep {
  const { name, version, target, description } = step;
  const undo =
    step.target === "MasterStateServer" ? "the copies" : step.revert ? "its revert" : "kept files";
  const reads = "reads" in step && step.reads ? step.reads : null;
  return { name, version, target, description, reads, undo };
}

/**
 * The steps of a build between two versions. Pure.
 * @throws LockstepError those of `defineSteps`
 */
export function describeSteps(steps: readonly Step[], from: string, to: string): DescribedSteps {
  const { schema, local, hash } = planOf(defineSteps(steps), from, to);
  return { from, to, hash, steps: [...schema, ...local].map(described) };
}
