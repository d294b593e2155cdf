import type { Reason } from "../../errors.ts";
import type { ExplainFacts } from "./facts.ts";

/** One cause of a trouble, in the words of the process that met it. */
export interface Cause {
  /** The upgrade, the way back, or the agent that reports it. */
  readonly who: string;
  /** The code, or null where the trouble has none. */
  readonly code: string | null;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const causeOf = (who: string, { code, message, details }: Reason): Cause => ({
  ...{ who, code, message, details },
});
const troubleOf = (who: string, message: string): Cause => ({
  ...{ who, code: null, message, details: {} },
});

/** The causes without those that an earlier one has said already. */
function withoutRepetition(causes: readonly Cause[]): readonly Cause[] {
  return causes.filter(({ message }, index) => {
    return causes.findIndex((cause) => cause.message === message) === index;
  });
}

/** The trouble of an agent that its record tells, or that its gate shows. */
function presentTroubles({ status }: ExplainFacts, agent: string): readonly Cause[] {
  const blocked = status.agents.find((each) => each.agent === agent)?.blocked ?? null;
  const why = status.upgrade?.notServing.find((each) => each.agent === agent)?.why ?? null;
  return [blocked, why].flatMap((text) => (text === null ? [] : [troubleOf(agent, text)]));
}

/**
 * The chain of causes of an upgrade: why it is blocked, then why it went back, then the reports behind that, then the
 * present troubles of agents. Pure.
 */
export function upgradeCauses(facts: ExplainFacts): readonly Cause[] {
  const { status, context, parts, rejections } = facts;
  const { upgrade } = status;
  if (upgrade === null) return [];
  if (context === null) {
    return upgrade.reason === null ? [] : [causeOf("the journal", upgrade.reason)];
  }
  const { blockedReason, reason, copies } = context;
  const agent = reason?.details["agent"];
  const inOrder = [
    ...(blockedReason === null ? [] : [causeOf("the way back", blockedReason)]),
    ...(reason === null
      ? []
      : [causeOf(typeof agent === "string" ? agent : "the upgrade", reason)]),
    ...parts.flatMap((part) => (part.reason === null ? [] : [causeOf(part.agent, part.reason)])),
    ...Object.entries(copies).flatMap(([holder, copy]) =>
      copy.reason === null ? [] : [causeOf(holder, copy.reason)],
    ),
    ...rejections.map((each) => causeOf("the journal", each)),
    ...status.agents.flatMap((each) => presentTroubles(facts, each.agent)),
  ];
  return withoutRepetition(inOrder);
}

/** The chain of causes of one agent's trouble. Pure. */
export function agentCauses(facts: ExplainFacts, agent: string): readonly Cause[] {
  const part = facts.parts.find((each) => each.agent === agent);
  const own = part?.reason ?? null;
  const copy = facts.context?.copies[agent]?.reason ?? null;
  return withoutRepetition([
    ...presentTroubles(facts, agent),
    ...[own, copy].flatMap((reason) => (reason === null ? [] : [causeOf(agent, reason)])),
  ]);
}
